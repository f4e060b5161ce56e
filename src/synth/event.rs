//! The generator: an endless, seeded sequence of SES sending events and the facts each states.
//!
//! The same profile generates the same bytes. By default, event types have the shares of a healthy
//! sender; addresses are in domains reserved for examples. With [`Profile::awkward`], a few per
//! cent of the events have oddities that a consumer of real events must handle, with known effects.

use fastrand::Rng;

use super::clock::MINUTE_MS;
use super::draft::{BlockTime, Draft, pick};
use super::facts::Facts;
use super::profile::Profile;
use super::words::{
    CAMPAIGNS, GENRES, MAIL_DOMAINS, MailDomain, ODD_MAIL_DOMAINS, PEOPLE, SENDERS, SUBJECTS,
};
use crate::ses::EventType;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SynthEvent {
    /// The event on one line, without a newline.
    pub json: String,
    /// The facts of the event.
    pub facts: Facts,
    /// Has `notificationType` and no `eventType`, so `EventBridge` would not carry it.
    pub legacy: bool,
}

/// An endless iterator of events.
#[derive(Clone, Debug)]
pub struct Generator {
    profile: Profile,
    names: EventNames,
    rng: Rng,
    published: u64,
}

/// Tag values, generated once.
#[derive(Clone, Debug)]
struct EventNames {
    campaigns: Vec<String>,
    genres: Vec<String>,
}

// === impl Generator ===

impl Generator {
    /// Starts a sequence.
    pub fn new(profile: Profile) -> Self {
        let rng = Rng::with_seed(profile.seed);
        Self { names: EventNames::new(&profile), profile, rng, published: 0 }
    }

    /// The time at which the next event is published, in Unix milliseconds.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a count of events and a span of milliseconds are far below 2^53"
    )]
    pub(crate) fn next_ms(&self) -> i64 {
        let spacing = 1000.0 / self.profile.events_per_second.max(f64::MIN_POSITIVE);
        self.profile.start_ms + (self.published as f64 * spacing) as i64
    }

    fn event(&mut self) -> SynthEvent {
        let own_ms = self.next_ms() - self.lateness();
        self.published += 1;
        let event_type = self.profile.mix.draw(&mut self.rng);
        let mut draft = self.draft(event_type, own_ms);
        if draft.odd(25) {
            return draft.unknown();
        }
        let legacy_has_it =
            matches!(event_type, EventType::Bounce | EventType::Complaint | EventType::Delivery);
        draft.legacy = legacy_has_it && draft.odd(50);
        draft.choose_block_time();
        draft.write();
        SynthEvent { legacy: draft.legacy, json: draft.out, facts: draft.facts }
    }

    /// Usually a small part, sometimes all of it.
    fn lateness(&mut self) -> i64 {
        let most = i64::from(self.profile.minutes_late) * MINUTE_MS;
        let [a, b] = [self.rng.i64(0..=most), self.rng.i64(0..=most)];
        if most == 0 { 0 } else { a.min(b) }
    }

    fn draft(&mut self, event_type: EventType, own_ms: i64) -> Draft<'_> {
        let rng = &mut self.rng;
        let mail_ms = own_ms - i64::from(rng.u32(after_mail(event_type)));
        // A few campaigns make most of the mail.
        let campaigns = &self.names.campaigns;
        let popular = rng.usize(0..campaigns.len()).min(rng.usize(0..campaigns.len()));
        let sets = &self.profile.configuration_sets;
        let set = match sets.len() {
            0 => "",
            many => &sets[rng.usize(0..many).min(rng.usize(0..many))],
        };
        let several = if rng.u32(0..20) == 0 { rng.usize(2..5) } else { 1 };
        let is_awkward = self.profile.awkward;
        let (recipients, domains) = (0..several).map(|_| recipient(rng, is_awkward)).unzip();
        let mut draft = Draft {
            out: String::with_capacity(2560),
            facts: Facts::new(Some(event_type), own_ms),
            event_type,
            legacy: false,
            block_time: BlockTime::Valid,
            mail_ms,
            message_id: String::new(),
            recipients,
            domains,
            sender: SENDERS[rng.usize(0..SENDERS.len())],
            subject: "",
            campaign: &campaigns[popular],
            genre: &self.names.genres[rng.usize(0..self.names.genres.len())],
            set,
            rng,
            profile: &self.profile,
        };
        draft.message_id = draft.identifier();
        let subject = pick(draft.rng, &SUBJECTS);
        draft.choose_subject(subject);
        draft
    }
}

impl Iterator for Generator {
    type Item = SynthEvent;

    fn next(&mut self) -> Option<SynthEvent> {
        Some(self.event())
    }
}

/// Milliseconds from the mail to the event.
fn after_mail(event_type: EventType) -> std::ops::Range<u32> {
    match event_type {
        EventType::Send | EventType::Reject | EventType::RenderingFailure => 0..1,
        EventType::Delivery | EventType::Bounce => 300..9000,
        EventType::DeliveryDelay => 60_000..3_600_000,
        _ => 5_000..172_800_000,
    }
}

fn recipient(rng: &mut Rng, is_awkward: bool) -> (String, MailDomain) {
    let name = pick(rng, &PEOPLE);
    let domain = MAIL_DOMAINS[rng.usize(0..MAIL_DOMAINS.len())];
    let address = address(rng, name, domain.0);
    if is_awkward && rng.u32(0..4) == 0 {
        let domain = ODD_MAIL_DOMAINS[rng.usize(0..ODD_MAIL_DOMAINS.len())];
        // Providers have no addresses as short as this one.
        let address = match rng.u32(0..3) {
            0 => format!("\"x@other.example <y@z>\" <x@{}>", domain.0),
            1 => format!("<x@{}>", domain.0),
            _ => format!("x@{}", domain.0),
        };
        return (address, domain);
    }
    (address, domain)
}

fn address(rng: &mut Rng, name: &str, domain: &str) -> String {
    match rng.u32(0..8) {
        0 => format!("\"{name} of {}\" <{name}@{domain}>", rng.u8(..)),
        1 => format!("{name}+list@{domain}"),
        _ => format!("{name}.{}@{domain}", rng.u16(..)),
    }
}

// === impl EventNames ===

impl EventNames {
    fn new(profile: &Profile) -> Self {
        Self {
            campaigns: numbered(&CAMPAIGNS, profile.campaigns),
            genres: numbered(&GENRES, profile.genres),
        }
    }
}

/// Distinct names: the words themselves, then words with numbers.
fn numbered(words: &[&str], wanted: usize) -> Vec<String> {
    let name = |at: usize| match (words[at % words.len()], at / words.len()) {
        (word, 0) => word.to_owned(),
        (word, round) => format!("{word}-{}", round + 1),
    };
    (0..wanted.max(1)).map(name).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::super::block::block_name;
    use super::super::facts::FactValue;
    use super::*;

    fn events(seed: u64, awkward: bool, many: usize) -> Vec<SynthEvent> {
        let profile = Profile { seed, awkward, minutes_late: 30, ..Profile::default() };
        Generator::new(profile).take(many).collect()
    }

    fn first(value: &Value) -> Option<&str> {
        value.as_str().or_else(|| value[0].as_str())
    }

    fn tags(map: &Value) -> BTreeMap<String, FactValue> {
        let members = map.as_object().into_iter().flatten();
        members.filter_map(|(name, value)| Some((name.clone(), first(value)?.into()))).collect()
    }

    fn headers(mail: &Value) -> Vec<(String, FactValue)> {
        let headers = mail["headers"].as_array().into_iter().flatten();
        headers
            .filter_map(|header| {
                Some((header["name"].as_str()?.to_owned(), header["value"].as_str()?.into()))
            })
            .collect()
    }

    fn check_tags(event: &SynthEvent, value: &Value) {
        assert_eq!(event.facts.tags, tags(&value["mail"]["tags"]), "{}", event.json);
        assert_eq!(event.facts.headers, headers(&value["mail"]), "{}", event.json);
        if event.facts.event_type == Some(EventType::Click) {
            assert_eq!(event.facts.link_tags, tags(&value["click"]["linkTags"]), "{}", event.json);
        } else {
            assert!(event.facts.link_tags.is_empty());
        }
    }

    #[test]
    fn seed_gives_the_same_bytes() {
        for awkward in [false, true] {
            assert_eq!(events(5, awkward, 300), events(5, awkward, 300));
            assert_ne!(events(5, awkward, 300), events(6, awkward, 300));
        }
    }

    #[test]
    fn plain_events_equal_their_facts() {
        for event in events(11, false, 3000) {
            let value: Value = serde_json::from_str(&event.json).unwrap();
            let event_type = EventType::parse(value["eventType"].as_str().unwrap().as_bytes());
            assert_eq!(event_type, event.facts.event_type);
            let block = &value[block_name(event_type.unwrap())];
            let told = block["timestamp"].as_str().or(value["mail"]["timestamp"].as_str());
            let mut own = String::new();
            super::super::clock::push_timestamp(&mut own, event.facts.time_ms);
            assert_eq!(told, Some(own.as_str()));
            check_tags(&event, &value);
            assert_eq!(
                event.facts.configuration_set.as_deref(),
                first(&value["mail"]["tags"]["ses:configuration-set"])
            );
            for recipient in value["mail"]["destination"].as_array().unwrap() {
                let address = recipient.as_str().unwrap().trim_end_matches('>');
                assert!(address.ends_with("example.com") || address.ends_with("example.net"));
            }
        }
    }

    #[test]
    fn awkward_events_equal_their_facts_where_serde_can_read_them() {
        let (mut read, mut unread) = (0, 0);
        for event in events(12, true, 5000) {
            assert!(!event.json.contains('\n'));
            let Ok(value) = serde_json::from_str::<Value>(&event.json) else {
                unread += 1;
                continue;
            };
            read += 1;
            if event.facts.event_type.is_some() {
                check_tags(&event, &value);
                assert_eq!(event.legacy, !value["eventType"].is_string());
            }
        }
        assert!(read > 4 * unread && unread > 100, "{read} {unread}");
    }

    #[test]
    fn types_all_occur_and_events_have_a_realistic_size() {
        let events = events(13, false, 6000);
        let types: BTreeSet<_> = events.iter().map(|event| event.facts.event_type).collect();
        assert_eq!(types.len(), 10);
        let size: usize = events.iter().map(|event| event.json.len()).sum();
        assert!((1500..2000).contains(&(size / events.len())), "{}", size / events.len());
        let sends = events.iter().filter(|e| e.facts.event_type == Some(EventType::Send)).count();
        assert!((1900..2400).contains(&sends), "{sends}");
    }

    #[test]
    fn header_bytes_make_larger_events() {
        let size = |header_bytes| {
            let profile = Profile { header_bytes, ..Profile::default() };
            let events: Vec<_> = Generator::new(profile).take(2000).collect();
            for event in &events {
                check_tags(event, &serde_json::from_str(&event.json).unwrap());
            }
            events.iter().map(|event| event.json.len()).sum::<usize>() / events.len()
        };
        let (usual, large) = (size(0), size(4000));
        assert!((3800..4400).contains(&(large - usual)), "{usual} {large}");
    }

    #[test]
    fn tags_have_the_requested_cardinality() {
        let profile = Profile { campaigns: 30, genres: 9, ..Profile::default() };
        let mut campaigns = BTreeSet::new();
        let mut genres = BTreeSet::new();
        for event in Generator::new(profile).take(6000) {
            campaigns.extend(event.facts.tags.get("campaign").map(|value| value.text().to_owned()));
            genres.extend(event.facts.tags.get("genre").map(|value| value.text().to_owned()));
        }
        assert_eq!((campaigns.len(), genres.len()), (30, 9));
    }

    #[test]
    fn times_follow_the_rate() {
        let start_ms = 1_795_176_000_000;
        let profile = Profile { events_per_second: 4.0, start_ms, ..Profile::default() };
        for (at, event) in (0..).zip(Generator::new(profile).take(100)) {
            assert_eq!(event.facts.time_ms, start_ms + 250 * at);
        }
    }
}
