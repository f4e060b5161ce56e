//! The targets of forwarded events: Firehose, SNS, EventBridge, and STS for their roles. Strict:
//! they reject what AWS rejects, and store what they accept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use postmeter::limits::{
    EVENTS_CALL_BYTES_MAX, EVENTS_CALL_ENTRIES_MAX, FIREHOSE_CALL_BYTES_MAX,
    FIREHOSE_CALL_RECORDS_MAX, FIREHOSE_RECORD_BYTES_MAX, SNS_CALL_BYTES_MAX, SNS_CALL_ENTRIES_MAX,
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::app::PATIENCE;
use super::endpoint::{Endpoint, Received};

pub(crate) const STREAM: &str = "arn:aws:firehose:eu-west-1:111122223333:deliverystream/events";
pub(crate) const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:events";
pub(crate) const BUS: &str = "arn:aws:events:eu-west-1:111122223333:event-bus/default";

/// An accepted entry.
#[derive(Clone, Debug)]
pub(crate) struct SentEvent {
    pub service: &'static str,
    /// The stream's name, or the ARN.
    pub target: String,
    pub bytes: Vec<u8>,
    /// The other data of the entry.
    pub beside: Value,
    /// The access key that signed the call.
    pub access_key: String,
}

/// How a target responds to a call or an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Takes,
    /// Each entry fails with this percentage.
    Fails(u8),
    /// Permanently rejects single entries with this text.
    Refuses(&'static str),
    /// Rejects a whole call because of one entry with this text.
    RefusesWith(&'static str),
    /// Every call fails with 500.
    Down,
    /// Accepts everything, and never responds.
    Hangs,
}

pub(crate) struct FakeTargets {
    endpoint: Endpoint,
    state: Arc<Mutex<State>>,
}

pub(crate) struct State {
    pub taken: Vec<SentEvent>,
    pub calls: BTreeMap<&'static str, usize>,
    /// Calls that AWS would have rejected.
    pub faults: Vec<String>,
    pub moods: BTreeMap<&'static str, Mood>,
    rng: fastrand::Rng,
}

type Answer = (u16, String);

impl FakeTargets {
    pub(crate) async fn start() -> Self {
        let state = State {
            taken: Vec::new(),
            calls: BTreeMap::new(),
            faults: Vec::new(),
            moods: BTreeMap::new(),
            rng: fastrand::Rng::with_seed(7),
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let endpoint = Endpoint::start(move |_, received| {
            let shared = Arc::clone(&shared);
            async move {
                let answer = shared.lock().expect("nobody panics with it").answer(&received);
                if let Some(answer) = answer {
                    return answer;
                }
                sleep(Duration::from_mins(10)).await;
                (500, String::new())
            }
        })
        .await;
        Self { endpoint, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.endpoint.address)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    pub(crate) fn set(&self, service: &'static str, mood: Mood) {
        self.state().moods.insert(service, mood);
    }

    /// The events that a service accepted, sorted.
    pub(crate) fn taken(&self, service: &str) -> Vec<String> {
        let state = self.state();
        let of = state.taken.iter().filter(|taken| taken.service == service);
        let mut texts: Vec<_> =
            of.map(|taken| String::from_utf8(taken.bytes.clone()).expect("text")).collect();
        texts.sort();
        texts
    }

    pub(crate) async fn until_taken(&self, service: &str, events: usize) {
        let there = async {
            while self.taken(service).len() < events {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let taken = timeout(PATIENCE, there).await.is_ok();
        assert!(taken, "{service} took {} of {events}", self.taken(service).len());
    }
}

impl State {
    /// `None`: never responds.
    fn answer(&mut self, received: &Received) -> Option<Answer> {
        match received.header("x-amz-target") {
            "Firehose_20150804.PutRecordBatch" => self.firehose(received),
            "AWSEvents.PutEvents" => self.event_bridge(received),
            "" => {
                let form = form(&received.body);
                match form.get("Action").map(String::as_str) {
                    Some("PublishBatch") => self.sns(received, &form),
                    Some("AssumeRole") => Some(assume_role(&form)),
                    _ => Some(self.fault(format!("unknown: {form:?}"))),
                }
            }
            other => Some(self.fault(format!("unknown: {other}"))),
        }
    }

    fn fault(&mut self, what: String) -> Answer {
        self.faults.push(what);
        (400, json!({"__type": "ValidationException", "message": "no"}).to_string())
    }

    /// Counts a call; returns the verdict on each entry, or the response to the call.
    fn verdicts(&mut self, taken: &[SentEvent]) -> Result<Vec<Verdict>, Option<Answer>> {
        let service = taken[0].service;
        *self.calls.entry(service).or_default() += 1;
        let mood = self.moods.get(service).copied().unwrap_or(Mood::Takes);
        let holds =
            |taken: &SentEvent, text: &str| String::from_utf8_lossy(&taken.bytes).contains(text);
        let verdicts: Vec<_> = match mood {
            Mood::Down => {
                let body = json!({"__type": "InternalFailure", "message": "down"});
                return Err(Some((500, body.to_string())));
            }
            Mood::RefusesWith(text) if taken.iter().any(|taken| holds(taken, text)) => {
                return Err(Some(if service == "sns" {
                    let error = "<Error><Type>Sender</Type><Code>InvalidParameter</Code>\
                                 <Message>no</Message></Error>";
                    (400, format!("<ErrorResponse>{error}</ErrorResponse>"))
                } else {
                    (400, json!({"__type": "ValidationException", "message": "no"}).to_string())
                }));
            }
            Mood::Takes | Mood::Hangs | Mood::RefusesWith(_) => {
                taken.iter().map(|_| Verdict::Accepted).collect()
            }
            Mood::Fails(often) => taken
                .iter()
                .map(
                    |_| if self.rng.u8(0..100) < often { Verdict::Busy } else { Verdict::Accepted },
                )
                .collect(),
            Mood::Refuses(text) => taken
                .iter()
                .map(|taken| if holds(taken, text) { Verdict::Refused } else { Verdict::Accepted })
                .collect(),
        };
        for (taken, verdict) in taken.iter().zip(&verdicts) {
            if *verdict == Verdict::Accepted {
                self.taken.push(taken.clone());
            }
        }
        if mood == Mood::Hangs { Err(None) } else { Ok(verdicts) }
    }

    fn firehose(&mut self, received: &Received) -> Option<Answer> {
        let call: Value = serde_json::from_slice(&received.body).expect("JSON");
        let target = text(&call["DeliveryStreamName"]);
        let records = call["Records"].as_array().expect("a list");
        let taken: Vec<_> = records
            .iter()
            .map(|record| SentEvent {
                service: "firehose",
                target: target.clone(),
                bytes: STANDARD.decode(text(&record["Data"])).expect("base64"),
                beside: Value::Null,
                access_key: access_key(received),
            })
            .collect();
        let bytes: usize = taken.iter().map(|taken| taken.bytes.len()).sum();
        let longest = taken.iter().map(|taken| taken.bytes.len()).max();
        if !(1..=FIREHOSE_CALL_RECORDS_MAX).contains(&taken.len())
            || bytes > FIREHOSE_CALL_BYTES_MAX
            || longest > Some(FIREHOSE_RECORD_BYTES_MAX)
        {
            return Some(self.fault(format!("firehose: {} records, {bytes} bytes", taken.len())));
        }
        let verdicts = match self.verdicts(&taken) {
            Ok(verdicts) => verdicts,
            Err(answer) => return answer,
        };
        let failed = verdicts.iter().filter(|verdict| **verdict != Verdict::Accepted).count();
        let answers = verdicts.iter().map(|verdict| match verdict {
            Verdict::Accepted => json!({"RecordId": "1"}),
            _ => json!({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}),
        });
        let answers: Vec<_> = answers.collect();
        Some((200, json!({"FailedPutCount": failed, "RequestResponses": answers}).to_string()))
    }

    fn event_bridge(&mut self, received: &Received) -> Option<Answer> {
        let call: Value = serde_json::from_slice(&received.body).expect("JSON");
        let entries = call["Entries"].as_array().expect("a list");
        let taken: Vec<_> = entries
            .iter()
            .map(|entry| SentEvent {
                service: "event_bridge",
                target: text(&entry["EventBusName"]),
                bytes: text(&entry["Detail"]).into_bytes(),
                beside: json!({"source": entry["Source"], "type": entry["DetailType"],
                    "time": entry["Time"], "resources": entry["Resources"]}),
                access_key: access_key(received),
            })
            .collect();
        let ours = entries.iter().any(|entry| text(&entry["Source"]).starts_with("aws."));
        let bytes = received.body.len();
        let is_json =
            taken.iter().all(|taken| serde_json::from_slice::<Value>(&taken.bytes).is_ok());
        if !(1..=EVENTS_CALL_ENTRIES_MAX).contains(&taken.len())
            || bytes > EVENTS_CALL_BYTES_MAX * 2
            || ours
            || !is_json
        {
            return Some(self.fault(format!("event_bridge: {} entries", taken.len())));
        }
        let verdicts = match self.verdicts(&taken) {
            Ok(verdicts) => verdicts,
            Err(answer) => return answer,
        };
        let failed = verdicts.iter().filter(|verdict| **verdict != Verdict::Accepted).count();
        let answers = verdicts.iter().map(|verdict| match verdict {
            Verdict::Accepted => json!({"EventId": "1"}),
            Verdict::Busy => json!({"ErrorCode": "ThrottlingException", "ErrorMessage": "slow"}),
            Verdict::Refused => json!({"ErrorCode": "MalformedDetail", "ErrorMessage": "no"}),
        });
        let answers: Vec<_> = answers.collect();
        Some((200, json!({"FailedEntryCount": failed, "Entries": answers}).to_string()))
    }

    fn sns(&mut self, received: &Received, form: &BTreeMap<String, String>) -> Option<Answer> {
        let entry = |at: usize, key: &str| {
            form.get(&format!("PublishBatchRequestEntries.member.{}.{key}", at + 1)).cloned()
        };
        let ids: Vec<_> = (0..).map_while(|at| entry(at, "Id")).collect();
        let taken: Vec<_> = (0..ids.len())
            .map(|at| SentEvent {
                service: "sns",
                target: form["TopicArn"].clone(),
                bytes: entry(at, "Message").expect("a message").into_bytes(),
                beside: json!(entry(at, "Subject")),
                access_key: access_key(received),
            })
            .collect();
        let bytes: usize = taken.iter().map(|taken| taken.bytes.len()).sum();
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        if !(1..=SNS_CALL_ENTRIES_MAX).contains(&taken.len())
            || (bytes > SNS_CALL_BYTES_MAX && taken.len() > 1)
            || distinct.len() < ids.len()
        {
            return Some(self.fault(format!("sns: {} entries, {bytes} bytes", taken.len())));
        }
        let verdicts = match self.verdicts(&taken) {
            Ok(verdicts) => verdicts,
            Err(answer) => return answer,
        };
        let (mut good, mut bad) = (String::new(), String::new());
        // In another order than requested, as SNS may.
        for (id, verdict) in ids.iter().zip(&verdicts).rev() {
            match verdict {
                Verdict::Accepted => {
                    let taken = format!("<member><Id>{id}</Id><MessageId>1</MessageId></member>");
                    good.push_str(&taken);
                }
                other => {
                    let (code, fault) = match other {
                        Verdict::Refused => ("InvalidParameter", true),
                        _ => ("InternalError", false),
                    };
                    let failed = format!(
                        "<member><Id>{id}</Id><Code>{code}</Code><Message>no</Message>\
                         <SenderFault>{fault}</SenderFault></member>"
                    );
                    bad.push_str(&failed);
                }
            }
        }
        let result = format!("<Successful>{good}</Successful><Failed>{bad}</Failed>");
        let result = format!("<PublishBatchResult>{result}</PublishBatchResult>");
        Some((200, format!("<PublishBatchResponse>{result}</PublishBatchResponse>")))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Accepted,
    Busy,
    Refused,
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

fn form(body: &[u8]) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " ")).decode_utf8().expect("UTF-8").into_owned()
    };
    let body = std::str::from_utf8(body).expect("a form");
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (decode(key), decode(value))).collect()
}

/// The key in a signature's scope.
fn access_key(received: &Received) -> String {
    let credential = received.header("authorization").split_once("Credential=");
    let (_, scope) = credential.expect("the call is signed");
    scope.split('/').next().expect("a key").to_owned()
}

/// Credentials whose key names the role.
fn assume_role(form: &BTreeMap<String, String>) -> Answer {
    let role = form["RoleArn"].rsplit('/').next().expect("a name").to_owned();
    let credentials = format!(
        "<Credentials><AccessKeyId>{role}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
         <SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
    );
    let user = "<AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/r/p</Arn>\
                <AssumedRoleId>i:p</AssumedRoleId></AssumedRoleUser>";
    let result = format!("<AssumeRoleResult>{credentials}{user}</AssumeRoleResult>");
    (200, format!("<AssumeRoleResponse>{result}</AssumeRoleResponse>"))
}
