//! Which fault occurs when: a script is used up one fault per call, a mode stays until it is
//! changed, and a random mix is drawn from its seed. The order is: script, mode of the call's
//! namespace, mode for all, random.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use time::PrimitiveDateTime;
use time::macros::format_description;
use tokio::sync::watch;

use postmeter::limits::CALL_BYTES_MAX;
use postmeter::put_metric_data::{PutMetricData, PutResponse};

#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// No fault: fills a place in a script, or exempts a namespace from the mode for all.
    Accept,
    /// 400 `Throttling`; not ingested.
    Throttle,
    TooManyRequests429,
    ServiceUnavailable503,
    /// 500 `InternalServiceError`; not ingested.
    Http500Before,
    /// Ingested, then 500 `InternalServiceError`.
    Http500After,
    /// Ingested at once, with a response only after this time.
    TimeoutAfter(Duration),
    /// Ingested without a response: ends when the client disconnects.
    HangAfter,
    /// Neither ingested nor given a response.
    HangBefore,
    /// The connection is reset once the request is read; not ingested.
    ResetBefore,
    /// Ingested, then the connection is reset.
    ResetAfter,
    AccessDenied403,
    ExpiredToken403,
    /// Calls with a datum of this dimension value are rejected, and each such datum is named.
    RefuseNamed(String),
    /// Calls with a datum of this dimension value are rejected without naming one.
    RefuseUnnamed(String),
    /// 400 `InvalidParameterValue` with this message, whatever the call contains.
    RefuseAll(String),
    TooLarge413,
    /// 408 without a body, as clients have seen it.
    RequestTimeout408,
    /// A slow service: waits, then continues as usual. The call of a client that disconnects
    /// meanwhile is not ingested.
    Delay(Duration),
    /// Waits for [`Hold::release`], then continues as usual.
    HoldUntilReleased(Hold),
}

/// Keeps calls waiting, before they are ingested, until released. Clones share one state.
#[derive(Clone, Debug)]
pub(crate) struct Hold(watch::Sender<bool>);

impl Hold {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Releases all waiting and all later calls.
    pub(crate) fn release(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn released(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.0.subscribe().wait_for(|released| *released).await;
    }
}

impl Fault {
    /// The error that this fault returns instead of the check, if any.
    pub(super) fn refusal(&self, call: &PutMetricData<'_>) -> Option<PutResponse> {
        let answer = match self {
            Self::Throttle => PutResponse::error(400, "Throttling", "Rate exceeded"),
            Self::TooManyRequests429 => {
                PutResponse::error(429, "TooManyRequestsException", "Too many requests")
            }
            Self::ServiceUnavailable503 => {
                PutResponse::error(503, "ServiceUnavailable", "Service is unavailable")
            }
            Self::Http500Before => internal_error(),
            Self::AccessDenied403 => PutResponse::error(
                403,
                "AccessDenied",
                "User: arn:aws:sts::000000000000:assumed-role/test/test is not authorized to \
                 perform: cloudwatch:PutMetricData because no identity-based policy allows the \
                 cloudwatch:PutMetricData action",
            ),
            Self::ExpiredToken403 => expired_token(),
            Self::RefuseNamed(value) => {
                let lines = lines_naming(call, value);
                if lines.is_empty() {
                    return None;
                }
                PutResponse::error(400, "InvalidParameterValue", lines.join("\n"))
            }
            Self::RefuseUnnamed(value) => {
                if lines_naming(call, value).is_empty() {
                    return None;
                }
                PutResponse::error(400, "InvalidParameterValue", "The request is invalid.")
            }
            Self::RefuseAll(message) => {
                PutResponse::error(400, "InvalidParameterValue", message.as_str())
            }
            Self::TooLarge413 => PutResponse::too_large(CALL_BYTES_MAX + 1),
            Self::RequestTimeout408 => PutResponse::bare(408),
            Self::Accept
            | Self::Http500After
            | Self::TimeoutAfter(_)
            | Self::HangAfter
            | Self::HangBefore
            | Self::ResetBefore
            | Self::ResetAfter
            | Self::Delay(_)
            | Self::HoldUntilReleased(_) => return None,
        };
        Some(answer)
    }
}

pub(super) fn internal_error() -> PutResponse {
    PutResponse::error(
        500,
        "InternalServiceError",
        "Request processing has failed due to some unknown error, exception, or failure.",
    )
}

pub(super) fn expired_token() -> PutResponse {
    PutResponse::error(403, "ExpiredToken", "The security token included in the request is expired")
}

/// The rejection of a call that was signed at a time too far from the service's.
pub(super) fn signing_fault(signed: Option<&str>, now_ms: i64) -> Option<PutResponse> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let signed = PrimitiveDateTime::parse(signed.unwrap_or_default(), format).ok();
    let skew_s = signed.map(|signed| signed.assume_utc().unix_timestamp() - now_ms / 1000);
    if skew_s.is_some_and(|skew_s| skew_s.abs() <= 300) {
        return None;
    }
    let message = "Signature expired: it is too far from the time of the service";
    Some(PutResponse::error(403, "SignatureDoesNotMatch", message))
}

/// The service's line for every dimension with this value.
fn lines_naming(call: &PutMetricData<'_>, value: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for (n, datum) in call.metric_data.iter().enumerate() {
        for (m, dimension) in datum.dimensions.iter().enumerate() {
            if dimension.value.as_deref() == Some(value) {
                lines.push(format!(
                    "The value {value} for parameter MetricData.member.{}.Dimensions.member.{}.Value \
                     is invalid.",
                    n + 1,
                    m + 1
                ));
            }
        }
    }
    lines
}

#[derive(Debug, Default)]
pub(super) struct Script {
    pub queue: VecDeque<Fault>,
    /// The key `None` is the mode for all namespaces.
    pub modes: BTreeMap<Option<String>, Fault>,
    pub random: Option<Mix>,
    /// Calls signed with this access key are rejected, whatever else is due.
    pub expired_key: Option<String>,
    /// Calls signed at a wrong time are rejected.
    pub checks_signing_time: bool,
}

#[derive(Debug)]
pub(super) struct Mix {
    rng: fastrand::Rng,
    shares: Vec<(f64, Fault)>,
}

impl Mix {
    pub(super) fn new(seed: u64, shares: Vec<(f64, Fault)>) -> Self {
        let total: f64 = shares.iter().map(|(probability, _)| probability).sum();
        assert!(total <= 1.0 + 1e-9, "the probabilities add up to {total}");
        Self { rng: fastrand::Rng::with_seed(seed), shares }
    }

    fn draw(&mut self) -> Fault {
        let mut at = self.rng.f64();
        for (probability, fault) in &self.shares {
            if at < *probability {
                return fault.clone();
            }
            at -= probability;
        }
        Fault::Accept
    }
}

impl Script {
    /// Whether a call with this `Authorization` is refused.
    pub(super) fn has_expired(&self, authorization: &str) -> bool {
        let expired = self.expired_key.as_ref();
        expired.is_some_and(|key| authorization.contains(&format!("Credential={key}/")))
    }

    pub(super) fn next(&mut self, namespace: Option<&str>) -> Fault {
        if let Some(fault) = self.queue.pop_front() {
            return fault;
        }
        let own = namespace.and_then(|namespace| self.modes.get(&Some(namespace.to_owned())));
        if let Some(fault) = own.or_else(|| self.modes.get(&None)) {
            return fault.clone();
        }
        self.random.as_mut().map_or(Fault::Accept, Mix::draw)
    }
}
