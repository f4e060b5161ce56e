//! The counters that `--summary FILE` writes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The counters of `--summary FILE`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TruthSummary {
    /// Events of one of the ten types.
    pub events: u64,
    /// Events that match an enabled destination.
    pub matched: u64,
    /// Events whose set has no enabled destination for the type.
    pub unmatched: u64,
    /// Events without a set, or of an undefined set.
    pub unrouted: u64,
    /// Malformed JSON, base64 or gzip.
    pub malformed: u64,
    /// Valid JSON that is not from SES.
    pub foreign: u64,
    /// Events of a type that SES does not publish.
    pub unknown_type: u64,
    /// Subscription confirmations.
    pub control: u64,
    /// Validation notices of topics.
    pub notice: u64,
    /// Routed events without a readable timestamp.
    pub no_timestamp: u64,
    /// Pairs of an event and a metric destination that it matches.
    pub destination_matches: u64,
    /// Pairs that were counted.
    pub counts: u64,
    /// Distinct metrics.
    pub series: u64,
    /// Distinct metrics and minutes.
    pub datums: u64,
    /// Pairs dropped because of an invalid dimension value in each of their series.
    pub dropped_invalid_value: u64,
    /// A destination names its sets of dimensions or its measures, so that the JSON has the values
    /// too.
    pub has_values: bool,
    /// Pairs, once for each series and measure.
    pub values: u64,
    /// Of those, the ones of which the event has no value, by reason.
    pub no_value: BTreeMap<&'static str, u64>,
    /// Of those, the ones dropped because of an invalid dimension value.
    pub values_dropped: u64,
}

// === impl TruthSummary ===

impl TruthSummary {
    /// Adds the tallies of another summary; the others are not sums and stay
    /// unchanged.
    pub(super) fn merge(&mut self, other: &Self) {
        self.events += other.events;
        self.matched += other.matched;
        self.unmatched += other.unmatched;
        self.unrouted += other.unrouted;
        self.malformed += other.malformed;
        self.foreign += other.foreign;
        self.unknown_type += other.unknown_type;
        self.control += other.control;
        self.notice += other.notice;
        self.no_timestamp += other.no_timestamp;
        self.destination_matches += other.destination_matches;
        self.counts += other.counts;
        self.dropped_invalid_value += other.dropped_invalid_value;
        self.values += other.values;
        self.values_dropped += other.values_dropped;
        for (reason, count) in &other.no_value {
            *self.no_value.entry(reason).or_default() += count;
        }
    }

    /// The content of `--summary FILE`, without a newline.
    pub fn to_json(&self) -> String {
        let fields = [
            ("events", self.events),
            ("matched", self.matched),
            ("unmatched", self.unmatched),
            ("unrouted", self.unrouted),
            ("malformed", self.malformed),
            ("foreign", self.foreign),
            ("unknown_type", self.unknown_type),
            ("control", self.control),
            ("notice", self.notice),
            ("no_timestamp", self.no_timestamp),
            ("destination_matches", self.destination_matches),
            ("counts", self.counts),
            ("series", self.series),
            ("datums", self.datums),
        ];
        let mut out = String::from("{");
        for (name, value) in fields {
            let _ = write!(out, "\"{name}\":{value},");
        }
        let _ = write!(out, "\"dropped\":{{\"invalid_value\":{}}}", self.dropped_invalid_value);
        if self.has_values {
            let (matches, dropped) = (self.values, self.values_dropped);
            let counts = matches - dropped - self.no_value.values().sum::<u64>();
            let _ = write!(out, ",\"values\":{{\"matches\":{matches},\"counts\":{counts},");
            let _ = write!(out, "\"dropped\":{{\"invalid_value\":{dropped}}}");
            if !self.no_value.is_empty() {
                let reasons = self.no_value.iter();
                let reasons: Vec<_> =
                    reasons.map(|(reason, count)| format!("\"{reason}\":{count}")).collect();
                let _ = write!(out, ",\"no_value\":{{{}}}", reasons.join(","));
            }
            out.push('}');
        }
        out.push('}');
        out
    }
}
