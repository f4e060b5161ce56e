//! Generated SES sending events with known counts, for `demo`, the load-test harness and the tests.
//!
//! [`Generator`] yields events with their [`Facts`]; [`SynthWrapping`] puts them into the envelopes
//! of SNS, SQS, Lambda, `EventBridge`, Firehose and CloudWatch Logs; [`stream`] generates one long byte stream of
//! all this, with faults; [`Truth`] computes the expected counts under given definitions, without
//! the rules engine; [`gzip`] composes bodies from compressed parts. Everything is a function of a seed: the same seed generates the same bytes.

mod block;
mod clock;
mod destination;
mod document;
mod draft;
mod event;
mod facts;
mod fault;
mod fault_values;
mod fields;
mod firehose;
pub mod gzip;
mod lists;
mod mail;
mod measures;
mod mix;
mod profile;
mod shape;
mod sns;
mod stream;
mod summary;
mod text;
mod truth;
mod words;
mod wrap;

pub use event::Generator;

pub use facts::Facts;
pub use measures::MeasuredValues;
pub use mix::Mix;
pub use profile::Profile;

pub use stream::{StreamOptions, stream};

pub use truth::{DatumKey, Truth};

pub use wrap::{SynthWrapping, firehose_body};
