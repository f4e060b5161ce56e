//! Verifies messages: that SNS sent them recently, for a configured topic.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::admission::AdmissionPlace;
use super::certificates::Certificates;
use super::message::{Envelope, Version, is_message_id};
use super::no_key::NoKey;
use super::rejected::RejectedMessage;
use super::signature::is_signed;
use super::topic::Topic;
use crate::clock::Clock;
use crate::config::SignatureVersion;
use crate::intake::AccessKeys;
use crate::limits::SNS_AHEAD_MAX;
use crate::printable::shown;
use crate::ses::time::parse_ms;
use crate::telemetry::SnsRejection;

const RAW: &str = "x-amz-sns-rawdelivery";
const MESSAGE_ID: &str = "x-amz-sns-message-id";
const TOPIC_ARN: &str = "x-amz-sns-topic-arn";

/// What messages are verified against.
#[derive(Debug)]
pub(super) struct Verifier {
    pub topics: HashMap<String, Arc<Topic>>,
    /// `user:password` of raw deliveries; `None`: they are rejected.
    pub credentials: Option<AccessKeys>,
    pub max_age: Duration,
    pub versions: Vec<SignatureVersion>,
    pub certificates: Certificates,
    pub clock: Clock,
}

fn rejected<T>(
    reason: SnsRejection,
    why: impl Into<Cow<'static, str>>,
) -> Result<T, RejectedMessage> {
    Err(RejectedMessage { reason, why: why.into() })
}

// === impl Verifier ===

impl Verifier {
    /// Verifies a body that is a signed envelope.
    ///
    /// # Errors
    /// The message is rejected.
    pub(super) async fn verify(
        &self,
        body: Bytes,
        place: &AdmissionPlace,
    ) -> Result<(Envelope, Arc<Topic>), RejectedMessage> {
        let envelope =
            Envelope::read(&body).or_else(|why| rejected(SnsRejection::Envelope, why))?;
        // Its content is in the envelope.
        drop(body);
        let topic = self.topic(&envelope.topic_arn)?;
        self.check_version(envelope.signature_version)?;
        let published_ms = parse_ms(envelope.timestamp.as_bytes());
        let Some(published_ms) = published_ms else {
            return rejected(SnsRejection::Envelope, "Timestamp is not a valid time");
        };
        self.check_time(published_ms)?;
        let Some(url) = topic.certificate_url(&envelope.certificate_url) else {
            return rejected(
                SnsRejection::Certificate,
                "SigningCertURL does not point to SNS in the topic's region",
            );
        };
        let fetching = self.certificates.key(&url, &topic, place.group());
        let key = match place.wait_for(fetching).await? {
            Ok(key) => key,
            Err(NoKey::Away(why) | NoKey::Missing(why)) => {
                return rejected(
                    SnsRejection::Unverified,
                    format!("the certificate is not available: {why}"),
                );
            }
            Err(NoKey::Wrong(why)) => return rejected(SnsRejection::Certificate, why),
        };
        if !is_signed(&envelope, &key) {
            return rejected(SnsRejection::Signature, "the signature does not match the message");
        }
        // Fetching the certificate may have taken a while.
        self.check_time(published_ms)?;
        Ok((envelope, topic))
    }

    /// Verifies a raw delivery by its headers; returns its topic and ID.
    ///
    /// # Errors
    /// The message is rejected.
    pub(super) fn verify_raw(
        &self,
        headers: &HeaderMap,
    ) -> Result<(Arc<Topic>, String), RejectedMessage> {
        let Some(credentials) = &self.credentials else {
            let why = "raw deliveries are not signed, and sns.credentials is empty";
            return rejected(SnsRejection::Credentials, why);
        };
        let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let sent = sent.and_then(|sent| {
            let (scheme, sent) = sent.split_once(' ')?;
            let sent = scheme.eq_ignore_ascii_case("basic").then_some(sent.trim())?;
            STANDARD.decode(sent).ok()
        });
        if !credentials.accept(sent.as_deref()) {
            let why = "a raw delivery without valid credentials (sns.credentials)";
            return rejected(SnsRejection::Credentials, why);
        }
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let topic = self.topic(text(TOPIC_ARN).unwrap_or_default())?;
        match text(MESSAGE_ID).filter(|id| is_message_id(id)) {
            Some(id) => Ok((topic, id.to_owned())),
            None => rejected(SnsRejection::Envelope, "a raw delivery without a message ID"),
        }
    }

    fn topic(&self, arn: &str) -> Result<Arc<Topic>, RejectedMessage> {
        self.topics.get(arn).cloned().map_or_else(
            || {
                let arn = shown(arn);
                rejected(SnsRejection::Topic, format!("topic {arn} is not listed in sns.topics"))
            },
            Ok,
        )
    }

    fn check_version(&self, version: Version) -> Result<(), RejectedMessage> {
        let (version, number) = match version {
            Version::Sha1 => (SignatureVersion::One, 1),
            Version::Sha256 => (SignatureVersion::Two, 2),
        };
        if self.versions.contains(&version) {
            return Ok(());
        }
        let why = format!("SignatureVersion {number} is not listed in sns.signature_versions");
        let fix = "set the topic's SignatureVersion attribute to a listed version";
        rejected(SnsRejection::Version, format!("{why}; {fix}"))
    }

    fn check_time(&self, published_ms: i64) -> Result<(), RejectedMessage> {
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let age_ms = self.clock.now_ms().saturating_sub(published_ms);
        if age_ms > ms(self.max_age) {
            return rejected(SnsRejection::Stale, "the message is older than sns.max_age");
        }
        if age_ms < -ms(SNS_AHEAD_MAX) {
            return rejected(
                SnsRejection::Future,
                "the message's Timestamp is in the future; check this host's clock",
            );
        }
        Ok(())
    }
}

/// Whether the headers mark a raw delivery, which has no envelope and no signature.
pub(super) fn is_raw(headers: &HeaderMap) -> bool {
    headers.get(RAW).is_some_and(|raw| raw.as_bytes().eq_ignore_ascii_case(b"true"))
}
