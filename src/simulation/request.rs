//! A request: its events, what they count, and who may have counted them.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;

use super::cloud::{TWO_WEEKS_MS, with_value};
use super::plan::HistoryPlan;
use super::world::LifeId;
use crate::aggregate::{MetricValue, SeriesMinute};
use crate::config::Acknowledge;
use crate::ses::Minute;

/// The way of a request to a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Firehose,
    /// The text of a message in this queue, alone or in an envelope of SNS.
    Message(usize),
    /// An object that messages in this queue name.
    Object(usize),
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub number: usize,
    pub route: Route,
    pub body: Vec<u8>,
    pub events: Vec<String>,
    /// Unix milliseconds before which the request is not sent.
    pub not_before_ms: i64,
    pub first_sent_ms: Option<i64>,
    /// The counts under every version of the definitions, and those that the later version adds.
    pub always: BTreeMap<SeriesMinute, u64>,
    pub also: BTreeMap<SeriesMinute, u64>,
    /// The lives in which it may have been counted, and whether by a source that uses the journal;
    /// each with the number of deliveries that were not rejected.
    chances: BTreeMap<(LifeId, bool), u32>,
    /// The lives that acknowledged it, and in which mode.
    acks: BTreeSet<(LifeId, bool)>,
    /// The number of deliveries to each daemon that have no response yet.
    pub in_flight: BTreeMap<usize, usize>,
    /// How often it was delivered so late that its ID may have been forgotten.
    pub late: u64,
    /// Its sender has given it up, as it may.
    pub is_expired: bool,
}

/// The value that is sent for a delivery time: the middle of its bucket, with six digits.
#[expect(clippy::cast_precision_loss, reason = "a few seconds")]
fn bucket(ms: usize) -> f64 {
    let power = (ms as f64).log(1.1).floor();
    format!("{:.5e}", 1.1_f64.powf(power + 0.5)).parse().expect("a number")
}

// === impl Request ===

impl Request {
    pub(super) fn new(number: usize, plan: &HistoryPlan, rng: &mut Rng) -> Self {
        let start_ms = plan.start_ms;
        let spread_ms = plan.calm_ms - start_ms;
        let mut request = Self {
            number,
            route: match plan.queues {
                0 => Route::Firehose,
                queues => match rng.u8(0..5) {
                    0 | 1 => Route::Firehose,
                    2 => Route::Object(rng.usize(0..queues)),
                    _ => Route::Message(rng.usize(0..queues)),
                },
            },
            body: Vec::new(),
            events: Vec::new(),
            not_before_ms: start_ms + rng.i64(0..spread_ms.max(1)),
            first_sent_ms: None,
            always: BTreeMap::new(),
            also: BTreeMap::new(),
            chances: BTreeMap::new(),
            acks: BTreeSet::new(),
            in_flight: BTreeMap::new(),
            late: 0,
            is_expired: false,
        };
        for event in 0..rng.usize(1..9) {
            let old = plan.old_events && rng.u8(0..6) == 0;
            let from_ms = if old { start_ms - TWO_WEEKS_MS } else { start_ms - 120_000 };
            let minute = Minute::of_ms(from_ms + rng.i64(0..600_000));
            request.add_event(event, minute, rng);
        }
        request
    }

    fn add_event(&mut self, event: usize, minute: Minute, rng: &mut Rng) {
        let metric = if rng.bool() { "Send" } else { "Delivery" };
        let (tag, campaign) = (format!("r{}", self.number), format!("c{}", rng.u8(0..4)));
        // Some are bounces, of which every second one is hard.
        let number = self.number + event;
        let metric = if metric == "Send" && number.is_multiple_of(3) { "Bounce" } else { metric };
        let is_hard = number.is_multiple_of(2);
        let ms = 100 + number * 7919 % 40 * 100;
        let block = match metric {
            "Delivery" => {
                format!(r#","delivery":{{"timestamp":"{minute}","processingTimeMillis":{ms}}}"#)
            }
            "Bounce" => {
                let kind = if is_hard { "Permanent" } else { "Transient" };
                format!(r#","bounce":{{"timestamp":"{minute}","bounceType":"{kind}"}}"#)
            }
            _ => String::new(),
        };
        self.events.push(format!(
            r#"{{"eventType":"{metric}","mail":{{"timestamp":"{minute}","messageId":"{tag}-{event}","tags":{{"ses:configuration-set":["sim"],"request":["{tag}"],"campaign":["{campaign}"]}}}}{block}}}"#
        ));
        let count = |counts: &mut BTreeMap<_, u64>, namespace: &str, name: &str, value: &str| {
            let series = SeriesMinute {
                namespace: namespace.into(),
                metric,
                dimensions: vec![(name.to_owned(), value.to_owned())],
                minute,
                unit: "Count",
            };
            *counts.entry(series).or_insert(0) += 1;
        };
        count(&mut self.always, "A", "request", &tag);
        count(&mut self.always, "A", "campaign", &campaign);
        let mut measure = |metric, unit, value: f64| {
            let dimensions = vec![("campaign".to_owned(), campaign.clone())];
            let series = SeriesMinute { namespace: "A".into(), metric, dimensions, minute, unit };
            *self.always.entry(with_value(series, MetricValue(value))).or_insert(0) += 1;
        };
        match metric {
            "Delivery" => {
                measure("HardBounceRate", "None", 0.0);
                measure("DeliveryTime", "Milliseconds", bucket(ms));
            }
            "Bounce" if is_hard => measure("HardBounceRate", "None", 1.0),
            _ => {}
        }
        count(&mut self.always, "C", "ses:configuration-set", "sim");
        count(&mut self.also, "B", "request", &tag);
    }

    /// Puts the events into the body of a delivery, sometimes with a truncated one, or of a message
    /// or object.
    pub(super) fn seal(&mut self, rng: &mut Rng) {
        if self.route != Route::Firehose {
            self.body = self.events.join("\n").into_bytes();
            return;
        }
        if rng.u8(0..4) == 0 {
            let at = rng.usize(0..=self.events.len());
            self.events.insert(at, "{\"eventType\":\"Se".to_owned());
        }
        let record = |event: &String| format!(r#"{{"data":"{}"}}"#, STANDARD.encode(event));
        let records: Vec<_> = self.events.iter().map(record).collect();
        let (id, at_ms, records) = (self.id(), self.not_before_ms, records.join(","));
        let body = format!(r#"{{"requestId":"{id}","timestamp":{at_ms},"records":[{records}]}}"#);
        self.body = body.into_bytes();
    }

    pub(super) fn id(&self) -> String {
        format!("id-{}", self.number)
    }

    /// The maximum sum of its counts.
    pub(super) fn counts(&self) -> u64 {
        self.always.values().chain(self.also.values()).sum()
    }

    /// A delivery begins that may be counted in this life.
    pub(super) fn offered(&mut self, life: LifeId, mode: Acknowledge) {
        *self.chances.entry((life, mode == Acknowledge::Journaled)).or_insert(0) += 1;
    }

    /// A delivery was rejected, which leaves no trace.
    pub(super) fn rejected(&mut self, life: LifeId, mode: Acknowledge) {
        let key = (life, mode == Acknowledge::Journaled);
        if let Some(chances) = self.chances.get_mut(&key) {
            *chances -= 1;
            if *chances == 0 {
                self.chances.remove(&key);
            }
        }
    }

    pub(super) fn acknowledged(&mut self, life: LifeId, mode: Acknowledge) {
        self.acks.insert((life, mode == Acknowledge::Merged));
    }

    pub(super) fn is_acknowledged(&self) -> bool {
        !self.acks.is_empty()
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight.values().any(|deliveries| *deliveries > 0)
    }

    /// How often it may be counted, whatever is in doubt: once by each daemon that wrote it to its
    /// journal, and once in each life of a daemon that did not, because a new life knows only what
    /// is in the journal. With every delivery, if IDs were forgotten early.
    pub(super) fn copies(&self, are_forgotten: bool) -> u64 {
        if are_forgotten {
            return self.chances.values().map(|deliveries| u64::from(*deliveries)).sum();
        }
        let mut lives: BTreeMap<usize, BTreeMap<usize, bool>> = BTreeMap::new();
        for (LifeId { daemon, life }, in_journal) in self.chances.keys() {
            *lives.entry(*daemon).or_default().entry(*life).or_insert(true) &= *in_journal;
        }
        let copies = |lives: &BTreeMap<usize, bool>| {
            if lives.values().all(|in_journal| *in_journal) { 1 } else { lives.len() as u64 }
        };
        self.late + lives.values().map(copies).sum::<u64>()
    }

    /// Whether a life may publish it: the request was delivered to it, or an earlier life of its
    /// daemon wrote the request to its journal.
    pub(super) fn is_known_to(&self, life: LifeId) -> bool {
        self.chances.keys().any(|(of, in_journal)| {
            *of == life || *in_journal && of.daemon == life.daemon && of.life < life.life
        })
    }

    /// Whether a life acknowledged it that did not lose counts of its `merged` sources.
    pub(super) fn is_kept(&self, lost: &BTreeSet<LifeId>) -> bool {
        self.acks.iter().any(|(life, is_merged)| !is_merged || !lost.contains(life))
    }
}
