//! The SNS endpoint: signed notifications that SNS posts for topics.
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html> and
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>, 2026-11-22.
//!
//! Until its signature is verified, a message has a place of its [`admission`], where it cannot take
//! resources from others. The checks in order: format, topic, signature version, time, the certificate's URL,
//! the certificate, the signature. Only then is its ID looked up. So a sender without a valid
//! signature can only make the daemon fetch a few certificates per minute from SNS. Raw deliveries
//! are not signed: they need a password and a configured topic. An invalid message gets a 4xx,
//! which SNS does not retry; a temporary failure gets a 503, which SNS retries.

mod admission;
mod certificate;
mod certificate_error;
mod certificate_fetcher;
mod certificate_store;
mod certificates;
mod confirm;
mod endpoint;
mod fetch_queue;
mod key_cache;
mod message;
mod no_key;
mod rejected;
mod response;
mod signature;
mod sketch;
mod topic;
mod verified;
mod verifier;
mod web;

pub(crate) use certificate_store::CertificateStore;
pub(crate) use endpoint::{SnsDeps, SnsEndpoint, SnsSettings};
pub(crate) use web::Web;
pub use web::WebEnvironment;
