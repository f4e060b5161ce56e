//! Records of generated events in the requested wrappings.

use fastrand::Rng;
use postmeter::synth::{Facts, Generator, Profile, SynthWrapping, Truth};

use super::args::TrafficArgs;

/// An endless source of records with their facts.
#[derive(Debug)]
pub(crate) struct Traffic {
    events: Generator,
    rng: Rng,
    wrappings: Vec<SynthWrapping>,
}

/// One or more wrapped events, with a newline at the end.
#[derive(Debug)]
pub(crate) struct Record {
    pub bytes: Vec<u8>,
    pub facts: Vec<Facts>,
}

/// The average size of an event with only the usual headers.
const USUAL_EVENT_BYTES: usize = 1800;

// === impl Traffic ===

impl Traffic {
    pub(crate) fn new(args: &TrafficArgs, now_ms: i64) -> Self {
        let profile = Profile {
            seed: args.seed,
            start_ms: args.at.unwrap_or(now_ms),
            // All events are published now, and are up to `minutes_late` older.
            events_per_second: f64::INFINITY,
            configuration_sets: args.sets.clone(),
            campaigns: args.campaigns,
            genres: args.genres,
            minutes_late: args.minutes_late,
            mix: args.mix.clone().unwrap_or_default(),
            header_bytes: args.event_bytes.saturating_sub(USUAL_EVENT_BYTES),
            awkward: args.awkward,
        };
        Self {
            events: Generator::new(profile),
            rng: Rng::with_seed(args.seed ^ 0x10ad),
            wrappings: args.wrapping.iter().copied().map(SynthWrapping::from).collect(),
        }
    }

    /// A record of as many events as its wrapping holds, at most `events_max`.
    pub(crate) fn record(&mut self, events_max: u64) -> Record {
        let wrapping = self.rng.choice(&self.wrappings).copied().unwrap_or(SynthWrapping::Bare);
        let many = usize::try_from(events_max).unwrap_or(usize::MAX).min(wrapping.capacity());
        let events: Vec<_> = self.events.by_ref().take(many).collect();
        let texts: Vec<_> = events.iter().map(|event| event.json.as_str()).collect();
        // EventBridge does not carry events in the old format.
        let lawful =
            wrapping != SynthWrapping::EventBridge || events.iter().all(|event| !event.legacy);
        let wrapping = if lawful { wrapping } else { SynthWrapping::Bare };
        let mut bytes = wrapping.wrap(&mut self.rng, &texts).into_bytes();
        bytes.push(b'\n');
        Record { bytes, facts: events.into_iter().map(|event| event.facts).collect() }
    }

    /// Records until their cost reaches `cost_max`, there are `records_max` of them, or they hold
    /// `events_max` events.
    pub(crate) fn fill(
        &mut self,
        cost_max: usize,
        records_max: usize,
        events_max: u64,
        cost: impl Fn(usize) -> usize,
    ) -> Vec<Record> {
        let (mut records, mut spent, mut left) = (Vec::new(), 0, events_max);
        while spent < cost_max && records.len() < records_max && left > 0 {
            let record = self.record(left);
            spent += cost(record.bytes.len());
            left -= record.facts.len() as u64;
            records.push(record);
        }
        records
    }
}

// === impl Record ===

impl Record {
    pub(crate) fn tell(&self, truth: &mut Truth) {
        for facts in &self.facts {
            truth.add(facts);
        }
    }
}
