//! Processes one message, from its headers to its response.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request};
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument;

use super::admission::{AdmissionPlace, SnsAdmission};
use super::certificate_fetcher::CertificateFetcher;
use super::certificate_store::CertificateStore;
use super::certificates::Certificates;
use super::confirm::Confirmer;
use super::message::{Envelope, MessageKind};
use super::rejected::RejectedMessage;
use super::response::http_response;
use super::topic::Topic;
use super::verified::{AdmittedMessage, VerifiedMessage};
use super::verifier::{Verifier, is_raw};
use super::web::Web;
use crate::ack::{Refusal, RefusalReason, RequestId, SourceKind};
use crate::config::{AccessKey, SignatureVersion, TopicArn};
use crate::http::{Peer, PeerGroup};
use crate::intake::body::discard;
use crate::intake::{AccessKeys, Response, SourceIntake};
use crate::limits::{SNS_BODY_BYTES_MAX, SNS_ID_MARGIN};
use crate::printable::shown;
use crate::telemetry::{LogLimiter, Metrics, RequestOutcome, SnsRejection, SubscriptionOutcome};

/// How long, and for how many at once, the body of a rejected request is drained so that its sender
/// sees the response. Above that its connection is just closed.
const DRAIN_PATIENCE: Duration = Duration::from_secs(1);
const DRAINS_AT_ONCE: usize = 16;

/// Processing ends this long before the patience, so that a response is still sent.
const RESPONSE_MARGIN: Duration = Duration::from_millis(250);

/// Settings of the endpoint.
#[derive(Clone, Debug)]
pub(crate) struct SnsSettings {
    pub topics: Vec<TopicArn>,
    pub credentials: Vec<AccessKey>,
    pub max_age: Duration,
    pub confirm: bool,
    /// Whether certificate chains are verified.
    pub chain: bool,
    /// Accepted signature versions.
    pub signature_versions: Vec<SignatureVersion>,
    /// Maximum time from a message's arrival to its response.
    pub patience: Duration,
}

/// The parts of an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct SnsDeps {
    pub source: SourceIntake,
    pub metrics: Arc<Metrics>,
    pub web: Web,
    /// Where certificates are stored, if anywhere.
    pub store: Option<CertificateStore>,
}

/// The endpoint. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct SnsEndpoint(Arc<SnsShared>);

#[derive(Debug)]
struct SnsShared {
    verifier: Verifier,
    confirmer: Confirmer,
    /// One for signed messages, and one for raw ones, whose senders have a password.
    admission: SnsAdmission,
    raw_admission: SnsAdmission,
    drains: Semaphore,
    confirms: bool,
    patience: Duration,
    source: SourceIntake,
    metrics: Arc<Metrics>,
    warnings: LogLimiter,
}

// === impl SnsEndpoint ===

impl SnsEndpoint {
    #[must_use]
    pub(crate) fn new(settings: SnsSettings, deps: SnsDeps) -> Self {
        let SnsDeps { source, metrics, web, store } = deps;
        let id_life = settings.max_age + SNS_ID_MARGIN;
        let clock = source.intake.clock.clone();
        let topics = settings.topics.into_iter().map(|arn| {
            let topic = Topic::new(arn);
            (topic.arn().to_owned(), Arc::new(topic))
        });
        let topics: HashMap<_, _> = topics.collect();
        let fetcher = CertificateFetcher {
            web: web.clone(),
            chain: settings.chain,
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
        };
        let all: Vec<_> = topics.values().cloned().collect();
        let certificates = Certificates::new(fetcher, store, &all);
        let credentials = &settings.credentials;
        let verifier = Verifier {
            topics,
            // An empty list would accept every sender.
            credentials: (!credentials.is_empty()).then(|| AccessKeys::new(credentials)),
            max_age: settings.max_age,
            versions: settings.signature_versions,
            certificates,
            clock,
        };
        Self(Arc::new(SnsShared {
            verifier,
            confirmer: Confirmer::new(web, id_life, Arc::clone(&metrics)),
            admission: SnsAdmission::default(),
            raw_admission: SnsAdmission::default(),
            drains: Semaphore::new(DRAINS_AT_ONCE),
            confirms: settings.confirm,
            patience: settings.patience,
            source,
            warnings: LogLimiter::new(Duration::from_secs(10), Arc::clone(&metrics)),
            metrics,
        }))
    }

    /// Processes one message and responds within the patience.
    pub(crate) async fn deliver(&self, request: Request<Body>) -> axum::http::Response<Body> {
        let shared = &self.0;
        let started = Instant::now();
        let (head, mut body) = request.into_parts();
        let span = tracing::info_span!("request", source = "sns");
        let processing = self.process(&head, &mut body, started + shared.patience);
        let response = processing.instrument(span).await;
        shared.metrics.request(response.outcome, started.elapsed());
        http_response(&response)
    }

    async fn process(&self, head: &Parts, body: &mut Body, deadline: Instant) -> Response {
        let shared = &self.0;
        let (read, place, raw) = match self.read(head, body, deadline).await {
            Ok(read) => read,
            Err(rejected) => {
                // A slow sender would be slow here too.
                if !matches!(rejected.reason, SnsRejection::Incomplete | SnsRejection::Evicted) {
                    self.drain_body(body).await;
                }
                return self.rejected(rejected);
            }
        };
        // Processing continues if the connection closes or the patience ends.
        let work_deadline = deadline - RESPONSE_MARGIN.min(shared.patience / 10);
        let working = self.clone().work(raw, read, place, work_deadline).in_current_span();
        match timeout_at(deadline, tokio::spawn(working)).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => {
                // The panic dropped the ticket, so the ID is forgotten unless it was merged.
                tracing::error!("processing an SNS message panicked");
                self.refused(Refusal::new(
                    RefusalReason::GivenUp,
                    "internal error while processing the request",
                ))
            }
            Err(_) => {
                self.refused(Refusal::new(RefusalReason::GivenUp, "still being processed; retry"))
            }
        }
    }

    /// Admits a message and reads its body. For a raw message also returns its topic and ID from the headers.
    async fn read(
        &self,
        head: &Parts,
        body: &mut Body,
        deadline: Instant,
    ) -> Result<(Bytes, AdmissionPlace, Option<(Arc<Topic>, String)>), RejectedMessage> {
        let shared = &self.0;
        let raw = if is_raw(&head.headers) {
            Some(shared.verifier.verify_raw(&head.headers)?)
        } else {
            None
        };
        let peer = head.extensions.get::<Peer>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        let admission = if raw.is_some() { &shared.raw_admission } else { &shared.admission };
        let place = admission.enter(PeerGroup::of(peer))?;
        let body = place.read(body, announced(&head.headers), deadline).await?;
        shared.metrics.request_bytes.add(body.len() as u64);
        Ok((body, place, raw))
    }

    /// Drains the body of a rejected request, unless many are being drained.
    async fn drain_body(&self, body: &mut Body) {
        if let Ok(_place) = self.0.drains.try_acquire() {
            let _ = timeout(DRAIN_PATIENCE, discard(body, 2 * SNS_BODY_BYTES_MAX)).await;
        }
    }

    /// Verifies a message and processes it.
    async fn work(
        self,
        raw: Option<(Arc<Topic>, String)>,
        body: Bytes,
        place: AdmissionPlace,
        deadline: Instant,
    ) -> Response {
        let verified = match raw {
            Some((topic, id)) => Ok(Some(VerifiedMessage { topic, id, text: body })),
            None => match self.0.verifier.verify(body, &place).await {
                Ok((envelope, topic)) => {
                    drop(place);
                    match self.handle_envelope(envelope, topic).await {
                        Ok(verified) => Ok(verified),
                        Err(refusal) => return self.refused(refusal),
                    }
                }
                Err(rejected) => Err(rejected),
            },
        };
        match verified {
            Ok(None) => Response { outcome: RequestOutcome::Acknowledged, error: None },
            Ok(Some(verified)) => match verified.admit(&self.0.source, deadline).await {
                Ok(admitted) => self.wait(admitted, deadline).await,
                Err(refusal) => self.refused(refusal),
            },
            Err(rejected) => self.rejected(rejected),
        }
    }

    /// Handles an envelope by its type; returns the message to count, if any.
    async fn handle_envelope(
        &self,
        envelope: Envelope,
        topic: Arc<Topic>,
    ) -> Result<Option<VerifiedMessage>, Refusal> {
        let shared = &self.0;
        let Envelope { kind, message_id: id, message, token, subscribe_url, .. } = envelope;
        let arn = topic.arn();
        match kind {
            MessageKind::Notification => {
                return Ok(Some(VerifiedMessage { topic, id, text: message.into() }));
            }
            MessageKind::UnsubscribeConfirmation => {
                shared.metrics.sns_subscriptions.increment(SubscriptionOutcome::Ended);
                if shared.warnings.allow() {
                    tracing::warn!(
                        topic = arn,
                        "SNS subscription ended; the topic sends no more messages"
                    );
                }
                return Ok(None);
            }
            MessageKind::SubscriptionConfirmation => {}
        }
        let url = subscribe_url.unwrap_or_default();
        let Some(confirmation) = topic.confirmation(&url, &token.unwrap_or_default()) else {
            let why = "SubscribeURL does not confirm this topic at SNS in its region";
            let rejected = RejectedMessage { reason: SnsRejection::Subscription, why: why.into() };
            return Err(self.refusal_of(rejected));
        };
        if !shared.confirms {
            shared.metrics.sns_subscriptions.increment(SubscriptionOutcome::Left);
            if shared.warnings.allow() {
                tracing::warn!(
                    topic = arn,
                    url,
                    "SNS subscription received; confirm it by opening its URL"
                );
            }
            return Ok(None);
        }
        let id = RequestId::new(SourceKind::Sns, arn.as_bytes(), id.as_bytes());
        shared.confirmer.confirm(id, arn, &confirmation).await.map(|()| None)
    }

    async fn wait(&self, admitted: AdmittedMessage, deadline: Instant) -> Response {
        let AdmittedMessage { waiter, outcome, charge: _charge } = admitted;
        let response = self.0.source.wait(waiter, deadline, outcome).await;
        self.note(response)
    }

    fn rejected(&self, rejected: RejectedMessage) -> Response {
        let refusal = self.refusal_of(rejected);
        self.refused(refusal)
    }

    fn refusal_of(&self, rejected: RejectedMessage) -> Refusal {
        self.0.metrics.sns_refused.increment(rejected.reason);
        Refusal::new(rejected.refusal_reason(), rejected.why)
    }

    fn refused(&self, refusal: Refusal) -> Response {
        self.note(refusal.into())
    }

    /// Logs a rejection.
    fn note(&self, response: Response) -> Response {
        if let RequestOutcome::Refused(reason) = response.outcome
            && self.0.warnings.allow()
        {
            let why = response.error.as_deref().map(shown);
            tracing::warn!(reason = reason.as_str(), why, "SNS message rejected");
        }
        response
    }
}

/// The length of the body, from the headers.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
