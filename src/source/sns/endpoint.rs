//! Processes one message, from its headers to its response.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument;

use super::certificate_store::CertificateStore;
use super::certificates::{CertificateParts, Certificates};
use super::confirm::Confirmer;
use super::door::{Door, DoorPlace, PeerGroup};
use super::judge::{Doubted, Judge, is_raw};
use super::message::{Envelope, MessageKind};
use super::topic::Topic;
use super::web::Web;
use crate::ack::{Admission, Refusal, RefusalReason, RequestId, SourceKind, Ticket, Waiter};
use crate::config::{AccessKey, SignatureVersion, TopicArn};
use crate::http::Peer;
use crate::intake::body::discard;
use crate::intake::{AccessKeys, Charge, LetterContent, Named, Response, SourceIntake};
use crate::limits::{SNS_BODY_BYTES_MAX, SNS_ID_MARGIN};
use crate::pipeline::Batch;
use crate::printable::shown;
use crate::telemetry::{LogLimiter, Metrics, RequestOutcome, SnsDoubt, SubscriptionOutcome};

/// How long, and for how many at once, the body of a rejected request is drained so that its sender
/// sees the response. Above that its connection is just closed.
const COURTESY_PATIENCE: Duration = Duration::from_secs(1);
const COURTESIES_AT_ONCE: usize = 16;

/// Processing ends this long before the patience, so that a response is still sent.
const LAST_WORD: Duration = Duration::from_millis(250);

/// Settings of the endpoint.
#[derive(Clone, Debug)]
pub struct SnsSettings {
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
pub struct SnsParts {
    pub source: SourceIntake,
    pub metrics: Arc<Metrics>,
    pub web: Web,
    /// Where certificates are stored, if anywhere.
    pub store: Option<CertificateStore>,
}

/// The endpoint. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SnsEndpoint(Arc<SnsShared>);

#[derive(Debug)]
struct SnsShared {
    judge: Judge,
    confirmer: Confirmer,
    /// One for signed messages, and one for raw ones, whose senders have a password.
    door: Door,
    raw_door: Door,
    courtesies: Semaphore,
    confirms: bool,
    patience: Duration,
    source: SourceIntake,
    metrics: Arc<Metrics>,
    warnings: LogLimiter,
}

/// A verified message.
struct Believed {
    topic: Arc<Topic>,
    id: String,
    /// The published text.
    text: Bytes,
}

/// A message that is merged or known.
struct AdmittedMessage {
    waiter: Waiter,
    /// The message's charge among those in flight; absent for a known message.
    _charge: Option<Charge>,
    outcome: RequestOutcome,
}

// === impl SnsEndpoint ===

impl SnsEndpoint {
    #[must_use]
    pub fn new(settings: SnsSettings, parts: SnsParts) -> Self {
        let SnsParts { source, metrics, web, store } = parts;
        let id_life = settings.max_age + SNS_ID_MARGIN;
        let clock = source.intake.clock.clone();
        let topics = settings.topics.into_iter().map(|arn| {
            let topic = Topic::new(arn);
            (topic.arn().to_owned(), Arc::new(topic))
        });
        let topics: HashMap<_, _> = topics.collect();
        let certificate_parts = CertificateParts {
            web: web.clone(),
            chain: settings.chain,
            store,
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
        };
        let certificates =
            Certificates::new(certificate_parts, &topics.values().cloned().collect::<Vec<_>>());
        let credentials = &settings.credentials;
        let judge = Judge {
            topics,
            // An empty list would accept every sender.
            credentials: (!credentials.is_empty()).then(|| AccessKeys::new(credentials)),
            max_age: settings.max_age,
            versions: settings.signature_versions,
            certificates,
            clock,
        };
        Self(Arc::new(SnsShared {
            judge,
            confirmer: Confirmer::new(web, id_life, Arc::clone(&metrics)),
            door: Door::default(),
            raw_door: Door::default(),
            courtesies: Semaphore::new(COURTESIES_AT_ONCE),
            confirms: settings.confirm,
            patience: settings.patience,
            source,
            warnings: LogLimiter::new(Duration::from_secs(10), Arc::clone(&metrics)),
            metrics,
        }))
    }

    /// Processes one message and responds within the patience.
    pub async fn deliver(&self, request: Request<Body>) -> axum::http::Response<Body> {
        let shared = &self.0;
        let started = Instant::now();
        let (head, mut body) = request.into_parts();
        let span = tracing::info_span!("request", source = "sns");
        let taking = self.take(&head, &mut body, started + shared.patience);
        let response = taking.instrument(span).await;
        shared.metrics.request(response.outcome, started.elapsed());
        answer(&response)
    }

    async fn take(&self, head: &Parts, body: &mut Body, deadline: Instant) -> Response {
        let shared = &self.0;
        let (read, place, raw) = match self.read(head, body, deadline).await {
            Ok(read) => read,
            Err(doubted) => {
                // A slow sender would be slow here too.
                if !matches!(doubted.doubt, SnsDoubt::Incomplete | SnsDoubt::Evicted) {
                    self.hear_out(body).await;
                }
                return self.doubted(doubted);
            }
        };
        // Processing continues if the connection closes or the patience ends.
        let last_word = deadline - LAST_WORD.min(shared.patience / 10);
        let working = self.clone().work(raw, read, place, last_word).in_current_span();
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

    /// Reads a body at the door. For a raw message also returns its topic and ID from the headers.
    async fn read(
        &self,
        head: &Parts,
        body: &mut Body,
        deadline: Instant,
    ) -> Result<(Bytes, DoorPlace, Option<(Arc<Topic>, String)>), Doubted> {
        let shared = &self.0;
        let raw = if is_raw(&head.headers) {
            Some(shared.judge.believe_raw(&head.headers)?)
        } else {
            None
        };
        let peer = head.extensions.get::<Peer>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        let door = if raw.is_some() { &shared.raw_door } else { &shared.door };
        let place = door.enter(PeerGroup::of(peer))?;
        let body = place.read(body, announced(&head.headers), deadline).await?;
        shared.metrics.request_bytes.add(body.len() as u64);
        Ok((body, place, raw))
    }

    /// Drains the body of a rejected request, unless many are being drained.
    async fn hear_out(&self, body: &mut Body) {
        if let Ok(_place) = self.0.courtesies.try_acquire() {
            let _ = timeout(COURTESY_PATIENCE, discard(body, 2 * SNS_BODY_BYTES_MAX)).await;
        }
    }

    /// Verifies a message and processes it.
    async fn work(
        self,
        raw: Option<(Arc<Topic>, String)>,
        body: Bytes,
        place: DoorPlace,
        deadline: Instant,
    ) -> Response {
        let believed = match raw {
            Some((topic, id)) => Ok(Some(Believed { topic, id, text: body })),
            None => match self.0.judge.believe(body, &place).await {
                Ok((envelope, topic)) => {
                    drop(place);
                    match self.attend(envelope, topic).await {
                        Ok(believed) => Ok(believed),
                        Err(refusal) => return self.refused(refusal),
                    }
                }
                Err(doubted) => Err(doubted),
            },
        };
        match believed {
            Ok(None) => Response { outcome: RequestOutcome::Acknowledged, error: None },
            Ok(Some(believed)) => match self.admit(believed).await {
                Ok(taken) => self.wait(taken, deadline).await,
                Err(refusal) => self.refused(refusal),
            },
            Err(doubted) => self.doubted(doubted),
        }
    }

    /// Handles an envelope by its type; returns the message to count, if any.
    async fn attend(
        &self,
        envelope: Envelope,
        topic: Arc<Topic>,
    ) -> Result<Option<Believed>, Refusal> {
        let shared = &self.0;
        let Envelope { kind, message_id: id, message, token, subscribe_url, .. } = envelope;
        let arn = topic.arn();
        match kind {
            MessageKind::Notification => {
                return Ok(Some(Believed { topic, id, text: message.into() }));
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
            let doubted = Doubted { doubt: SnsDoubt::Subscription, why: why.into() };
            return Err(self.refusal_of(doubted));
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

    /// Looks up the ID, and merges a new message.
    async fn admit(&self, believed: Believed) -> Result<AdmittedMessage, Refusal> {
        let shared = &self.0;
        let id = RequestId::new(
            SourceKind::Sns,
            believed.topic.arn().as_bytes(),
            believed.id.as_bytes(),
        );
        match shared.source.ledger.admit(id) {
            Admission::Known(waiter) => {
                Ok(AdmittedMessage { waiter, _charge: None, outcome: RequestOutcome::Repeated })
            }
            Admission::New(ticket) => {
                let source = believed.topic.arn().as_bytes();
                let named = Named { source, request: &believed.id, ids: &[id] };
                let committed = self.commit(named, ticket, &believed.text).await;
                committed.map_err(|(ticket, refusal)| {
                    // SNS does not retry a permanent rejection, so it becomes a dead letter.
                    shared.source.refuse(
                        named,
                        ticket,
                        refusal,
                        LetterContent::Whole(&believed.text),
                    )
                })
            }
        }
    }

    async fn commit(
        &self,
        named: Named<'_>,
        ticket: Ticket,
        text: &Bytes,
    ) -> Result<AdmittedMessage, (Ticket, Refusal)> {
        let source = &self.0.source;
        let charge = match source.enter(text.len()) {
            Ok(charge) => charge,
            Err(refusal) => return Err((ticket, refusal)),
        };
        let budget = source.intake.budget(charge);
        let read = source.read(text.clone(), source.intake.batch(), &budget).await;
        let mut batch = match read {
            Ok(batch) => batch,
            Err(refusal) => return Err((ticket, refusal)),
        };
        let again = |blank: Batch| source.read_again(text.clone(), blank);
        let committed = source.commit(named, ticket, &mut batch, again).await?;
        let charge = budget.committed();
        let outcome = RequestOutcome::Acknowledged;
        Ok(AdmittedMessage { waiter: committed.waiter, _charge: charge, outcome })
    }

    async fn wait(&self, taken: AdmittedMessage, deadline: Instant) -> Response {
        let AdmittedMessage { waiter, outcome, _charge } = taken;
        let response = self.0.source.wait(waiter, deadline, outcome).await;
        self.note(response)
    }

    fn doubted(&self, doubted: Doubted) -> Response {
        let refusal = self.refusal_of(doubted);
        self.refused(refusal)
    }

    fn refusal_of(&self, doubted: Doubted) -> Refusal {
        self.0.metrics.sns_refused.increment(doubted.doubt);
        Refusal::new(doubted.reason(), doubted.why)
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

fn answer(response: &Response) -> axum::http::Response<Body> {
    let status = response.status();
    // The sender learns about the daemon's state, but why its message is invalid is only logged.
    let given_up = matches!(response.outcome, RequestOutcome::Refused(RefusalReason::GivenUp));
    let said = match &response.error {
        Some(error) if status == 503 && !given_up => format!("{error}\n"),
        _ => String::new(),
    };
    let mut answer = axum::http::Response::new(Body::from(said));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let headers = answer.headers_mut();
    match status {
        // SNS sends the user and password of a URL only when it is asked for them.
        401 => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"postmeter\""));
        }
        400 | 403 => {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    answer
}
