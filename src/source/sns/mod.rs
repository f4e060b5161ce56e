//! The SNS endpoint: notifications of topics, posted to us and signed.
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html> and
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>, 2026-11-22.
//!
//! The order at the door: shape, topic, time, the certificate's address, the certificate, the
//! signature; only then is a message believed, and its id looked up. So whoever has no signature of
//! SNS makes us fetch a few certificates a minute from SNS at most, and nothing else. Raw deliveries
//! have no signature: they need a password, and a topic of ours. Whatever is wrong for good is
//! answered 4xx, which SNS does not repeat, and whatever may pass 503, which it does.

mod certificate;
mod certificates;
mod confirm;
mod endpoint;
mod judge;
mod message;
mod signature;
mod topic;
mod web;

pub use endpoint::{SnsEndpoint, SnsParts, SnsSettings};
pub use web::{Web, WebEnvironment};
