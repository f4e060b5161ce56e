//! A simulated CloudWatch: what it ingested, what it did not tell, and how it answers now.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;

use super::plan::CallMoment;
use super::weather::{Forecast, Weather};
use super::world::LifeId;
use crate::aggregate::{MetricValue, SeriesMinute};
use crate::sink::{Culprit, Failure};

/// Its contents and its current behavior, across all lives of all daemons.
#[derive(Debug)]
pub(super) struct Cloud {
    records: BTreeMap<SeriesMinute, CloudRecord>,
    /// The ingested counts by the life that sent them.
    by_life: BTreeMap<(LifeId, SeriesMinute), u64>,
    pub forecast: Forecast,
    /// A value whose call is rejected without naming a datum.
    pub poison: Option<&'static str>,
    /// The sum of the counts in calls whose outcome the caller was not told.
    pub unknown_counts: u64,
    /// The sum of the counts that a rejection named, or that were rejected alone.
    pub blamed: u64,
    rng: Rng,
    /// For each life: the number of calls left, and the moment of the last one at which it ends.
    pub calls_left: BTreeMap<LifeId, (usize, CallMoment)>,
    /// The current spell of weather, and the last one in which each daemon had a datum refused alone.
    spell: u32,
    refused_alone: BTreeMap<(usize, SeriesMinute), u32>,
}

/// What the cloud knows about a series and minute. Nothing of it comes from the engine's counters.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CloudRecord {
    /// The ingested counts.
    pub held: u64,
    /// Those of calls that were ingested without the caller being told. It may send them again.
    pub untold: u64,
    /// Those of calls that were not ingested without the caller being told. It may drop them.
    pub unknown: u64,
    /// Those that a rejection named, or that were rejected alone.
    pub blamed: u64,
}

/// A datum of a call: its series, and each of its values with its count. A value of a metric other
/// than a count is told apart by [`with_value`].
pub(super) type SentDatum = (SeriesMinute, Vec<(SeriesMinute, u64)>);

pub(super) type SentCall = Vec<SentDatum>;

/// The name of the dimension by which values of a series are told apart here.
const VALUE: &str = "";

/// A series as it is kept here: with one of its values.
pub(super) fn with_value(mut series: SeriesMinute, value: MetricValue) -> SeriesMinute {
    series.dimensions.push((VALUE.to_owned(), value.to_string()));
    series
}

/// The dimensions of a series, whatever the value.
pub(super) fn without_value(series: &SeriesMinute) -> &[(String, String)] {
    match &series.dimensions[..] {
        [dimensions @ .., (name, _)] if name == VALUE => dimensions,
        dimensions => dimensions,
    }
}

/// What happens to a call.
pub(super) struct CallFate {
    pub ingested: bool,
    pub answer: Result<(), Failure>,
    pub takes: Duration,
}

pub(super) const POISON: &str = "c0";

/// The maximum age of an event that can be published: two weeks.
pub(super) const TWO_WEEKS_MS: i64 = 14 * 24 * 3_600_000;
/// The maximum time of a datum in the future.
const TWO_HOURS_MS: i64 = 2 * 3_600_000;

pub(super) fn counts(sent: &SentCall) -> u64 {
    sent.iter().flat_map(|(_, values)| values).map(|(_, count)| count).sum()
}

// === impl CallFate ===

impl CallFate {
    fn accepted(takes: Duration) -> Self {
        Self { ingested: true, answer: Ok(()), takes }
    }

    fn refused(failure: Failure, takes: Duration) -> Self {
        Self { ingested: false, answer: Err(failure), takes }
    }
}

// === impl Cloud ===

impl Cloud {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            records: BTreeMap::new(),
            by_life: BTreeMap::new(),
            forecast: Forecast::FAIR,
            poison: None,
            unknown_counts: 0,
            blamed: 0,
            rng: Rng::with_seed(seed),
            calls_left: BTreeMap::new(),
            spell: 0,
            refused_alone: BTreeMap::new(),
        }
    }

    pub(super) fn set(&mut self, forecast: Forecast) {
        self.spell += 1;
        self.forecast = forecast;
    }

    /// What is known about a series.
    pub(super) fn record(&self, series: &SeriesMinute) -> CloudRecord {
        self.records.get(series).copied().unwrap_or_default()
    }

    pub(super) fn series(&self) -> impl Iterator<Item = (&SeriesMinute, &CloudRecord)> {
        self.records.iter()
    }

    /// The ingested counts of each series by the life that sent them.
    pub(super) fn by_life(&self) -> impl Iterator<Item = (LifeId, &SeriesMinute, u64)> {
        self.by_life.iter().map(|((life, series), held)| (*life, series, *held))
    }

    /// The sum of all ingested counts.
    pub(super) fn held(&self) -> u64 {
        self.records.values().map(|record| record.held).sum()
    }

    /// Decides what happens to a call of a daemon, at the true time.
    pub(super) fn fate(
        &mut self,
        daemon: usize,
        namespace: &str,
        sent: &SentCall,
        now_ms: i64,
    ) -> CallFate {
        let ms = |ms| Duration::from_millis(ms);
        let weather = self.forecast.of(namespace);
        let longest = if weather == Weather::Slow { 5000 } else { 200 };
        let takes = ms(self.rng.u64(5..longest));
        let is_outside = |(series, _): &SentDatum| {
            let age_ms = now_ms - series.minute.start_seconds() * 1000;
            age_ms > TWO_WEEKS_MS || -age_ms > TWO_HOURS_MS
        };
        if let Some(at) = sent.iter().position(is_outside) {
            self.blame(&sent[at]);
            return CallFate::refused(Failure::Invalid(Culprit::Datums([at].into())), takes);
        }
        let poisoned = |(series, _): &SentDatum| {
            series.dimensions.iter().any(|(_, value)| Some(value.as_str()) == self.poison)
        };
        if sent.iter().any(poisoned) {
            if sent.len() == 1 {
                self.blame(&sent[0]);
            }
            let culprit = Culprit::Unnamed("poison".to_owned());
            return CallFate::refused(Failure::Invalid(culprit), takes);
        }
        let is_fair = !weather.is_steady() && self.rng.u8(0..4) == 0;
        let weather = if is_fair { Weather::Fair } else { weather };
        if let (Weather::Nameless, [alone]) = (weather, &sent[..]) {
            self.refused_alone(daemon, alone);
        }
        self.fate_in(weather, sent, takes)
    }

    fn fate_in(&mut self, weather: Weather, sent: &SentCall, takes: Duration) -> CallFate {
        let refused = |failure| CallFate::refused(failure, takes);
        let unknown = || Err(Failure::Unknown("no answer".to_owned()));
        match weather {
            Weather::Throttling => refused(Failure::NotIngested("throttled".to_owned())),
            Weather::Away => refused(Failure::NotIngested("CloudWatch is unreachable".to_owned())),
            Weather::Denying => refused(Failure::Denied("not allowed".to_owned())),
            Weather::Ambiguous | Weather::Silent => CallFate {
                ingested: self.rng.bool(),
                answer: unknown(),
                takes: Duration::from_millis(self.rng.u64(100..8000)),
            },
            Weather::Late => CallFate::accepted(Duration::from_millis(self.rng.u64(5000..40_000))),
            Weather::Picky => {
                let culprits: BTreeSet<_> =
                    (0..sent.len()).filter(|_| self.rng.u8(0..4) == 0).collect();
                if culprits.is_empty() {
                    return CallFate::accepted(takes);
                }
                for at in &culprits {
                    self.blame(&sent[*at]);
                }
                refused(Failure::Invalid(Culprit::Datums(culprits)))
            }
            Weather::TooLarge if sent.len() > 1 => {
                refused(Failure::TooLarge("too large".to_owned()))
            }
            Weather::Fair | Weather::Slow | Weather::TooLarge => CallFate::accepted(takes),
            Weather::Refusing => refused(Failure::Invalid(Culprit::Other("namespace".to_owned()))),
            Weather::Nameless => {
                refused(Failure::Invalid(Culprit::Unnamed("no reason".to_owned())))
            }
        }
    }

    /// A datum is refused alone by weather that is not about it. Only if that happens again in
    /// another spell, after others were accepted in between, nobody can tell it from a bad datum.
    fn refused_alone(&mut self, daemon: usize, datum: &SentDatum) {
        let now = self.spell;
        let before = self.refused_alone.insert((daemon, datum.0.clone()), now);
        if before.is_some_and(|spell| spell != now) {
            self.blame(datum);
        }
    }

    fn blame(&mut self, (_, values): &SentDatum) {
        for (series, count) in values {
            self.blamed += count;
            self.records.entry(series.clone()).or_default().blamed += count;
        }
    }

    pub(super) fn ingest(&mut self, sent: &SentCall, life: LifeId) {
        for (series, count) in sent.iter().flat_map(|(_, values)| values) {
            self.records.entry(series.clone()).or_default().held += count;
            *self.by_life.entry((life, series.clone())).or_default() += count;
        }
    }

    /// The caller is not told what became of a call.
    pub(super) fn untold(&mut self, sent: &SentCall, ingested: bool) {
        for (series, count) in sent.iter().flat_map(|(_, values)| values) {
            let record = self.records.entry(series.clone()).or_default();
            *(if ingested { &mut record.untold } else { &mut record.unknown }) += count;
        }
    }
}
