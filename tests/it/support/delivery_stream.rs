//! A Firehose delivery stream named `ses` that supports `PutRecordBatch`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::endpoint::Received;

/// The records of a `PutRecordBatch`.
pub(crate) fn records(received: &Received) -> Vec<Vec<u8>> {
    assert_eq!(received.header("x-amz-target"), "Firehose_20150804.PutRecordBatch");
    let call: Value = serde_json::from_slice(&received.body).expect("JSON");
    assert_eq!(call["DeliveryStreamName"], "ses");
    let records = call["Records"].as_array().expect("a list").iter();
    records
        .map(|record| STANDARD.decode(record["Data"].as_str().expect("text")).expect("base64"))
        .collect()
}

/// A response that accepts the records for which `takes` is true.
pub(crate) fn answer(records: &[Vec<u8>], takes: impl Fn(usize) -> bool) -> (u16, String) {
    let answers: Vec<_> = (0..records.len())
        .map(|at| {
            if takes(at) {
                json!({"RecordId": at.to_string()})
            } else {
                json!({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."})
            }
        })
        .collect();
    let failed = (0..records.len()).filter(|at| !takes(*at)).count();
    (200, json!({"FailedPutCount": failed, "RequestResponses": answers}).to_string())
}
