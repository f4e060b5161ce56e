//! Made-up SES sending events with known truth, for `demo`, the load-test harness and the tests.
//!
//! [`Generator`] yields events and the [`Facts`] that each states; [`Wrapping`] puts them into the
//! envelopes of SNS, SQS, Lambda, `EventBridge` and Firehose; [`stream`] makes one long, faulty byte
//! stream of all of it; [`Truth`] says what must be counted under given definitions, without the
//! rules engine. Everything is a function of a seed: same seed, same bytes.

mod block;
mod clock;
mod draft;
mod event;
mod facts;
mod fault;
mod firehose;
mod mail;
mod mix;
mod shape;
mod stream;
mod summary;
mod text;
mod truth;
mod words;
mod wrap;

pub use event::{Generator, Profile, SynthEvent};
pub use facts::{FactValue, Facts};
pub use mix::Mix;
pub use stream::{Stream, StreamOptions, stream};
pub use summary::Summary;
pub use truth::{Other, SeriesMinute, Truth};
pub use wrap::{Wrapping, firehose_body};
