//! The SNS endpoint: notifications of topics, posted to us and signed.
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html> and
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>, 2026-11-22.
//!
//! Until its signature is checked, a message waits at the [`door`], where it takes no room from
//! others. It is checked in this order: shape, topic, version of the signature, time, the certificate's
//! address, the certificate, the signature. Only then is its id looked up. So a sender without a
//! signature of SNS makes us fetch a few certificates a minute from SNS at most, and nothing else. Raw
//! deliveries have no signature: they need a password, and a topic of ours. A message that is invalid is
//! answered 4xx, which SNS does not retry, and one that cannot be taken now 503, which SNS does.

mod certificate;
mod certificate_store;
mod certificates;
mod confirm;
mod door;
mod endpoint;
mod judge;
mod message;
mod signature;
mod sketch;
mod topic;
mod web;

pub use certificate_store::CertificateStore;
pub use endpoint::{SnsEndpoint, SnsParts, SnsSettings};
pub use web::{Web, WebEnvironment};
