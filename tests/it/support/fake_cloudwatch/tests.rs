//! Tests of the fake: bodies written by hand, over a plain HTTP client.

mod faults;
mod judgement;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use minicbor::data::{IanaTag, Tag};
use minicbor::{Decoder, Encoder};

use super::FakeCloudWatch;
use postmeter::put_metric_data::{PutDatum, PutDimension, PutMetricData};

const NOW_MS: i64 = 1_795_000_000_000;
const PATH: &str = "/service/GraniteServiceVersion20100801/operation/PutMetricData";

fn dimension(name: &str, value: &str) -> PutDimension<'static> {
    PutDimension { name: Some(name.to_owned().into()), value: Some(value.to_owned().into()) }
}

fn datum(value: f64) -> PutDatum<'static> {
    PutDatum {
        metric_name: Some("Delivery".into()),
        dimensions: vec![dimension("set", "a")],
        timestamp_ms: Some(NOW_MS),
        value: Some(value),
        unit: Some("Count".into()),
        ..PutDatum::default()
    }
}

fn call_of(metric_data: Vec<PutDatum<'static>>) -> PutMetricData<'static> {
    PutMetricData { namespace: Some("Mail".into()), metric_data }
}

/// In the SDK's encoding: indefinite maps, doubles in full.
fn encode(call: &PutMetricData<'_>) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    e.begin_map().unwrap();
    if let Some(namespace) = &call.namespace {
        e.str("Namespace").unwrap().str(namespace).unwrap();
    }
    e.str("MetricData").unwrap().array(call.metric_data.len() as u64).unwrap();
    for datum in &call.metric_data {
        encode_datum(&mut e, datum);
    }
    e.end().unwrap();
    e.into_writer()
}

fn encode_datum(e: &mut Encoder<Vec<u8>>, datum: &PutDatum<'_>) {
    e.begin_map().unwrap();
    if let Some(name) = &datum.metric_name {
        e.str("MetricName").unwrap().str(name).unwrap();
    }
    e.str("Dimensions").unwrap().array(datum.dimensions.len() as u64).unwrap();
    for dimension in &datum.dimensions {
        e.begin_map().unwrap();
        e.str("Name").unwrap().str(dimension.name.as_ref().unwrap()).unwrap();
        e.str("Value").unwrap().str(dimension.value.as_ref().unwrap()).unwrap();
        e.end().unwrap();
    }
    if let Some(ms) = datum.timestamp_ms {
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
        let seconds = ms as f64 / 1000.0;
        e.str("Timestamp").unwrap().tag(Tag::from(IanaTag::Timestamp)).unwrap();
        e.f64(seconds).unwrap();
    }
    if let Some(value) = datum.value {
        e.str("Value").unwrap().f64(value).unwrap();
    }
    if let Some(set) = &datum.statistics {
        e.str("StatisticValues").unwrap().begin_map().unwrap();
        e.str("SampleCount").unwrap().f64(set.sample_count.unwrap()).unwrap();
        e.str("Sum").unwrap().f64(set.sum.unwrap()).unwrap();
        e.str("Minimum").unwrap().f64(set.minimum.unwrap()).unwrap();
        e.str("Maximum").unwrap().f64(set.maximum.unwrap()).unwrap();
        e.end().unwrap();
    }
    for (name, numbers) in [("Values", &datum.values), ("Counts", &datum.counts)] {
        if let Some(numbers) = numbers {
            e.str(name).unwrap().encode(numbers).unwrap();
        }
    }
    if let Some(unit) = &datum.unit {
        e.str("Unit").unwrap().str(unit).unwrap();
    }
    if let Some(resolution) = datum.storage_resolution {
        e.str("StorageResolution").unwrap().f64(resolution).unwrap();
    }
    e.end().unwrap();
}

/// The response that a client got.
#[derive(Debug, PartialEq)]
struct Told {
    status: u16,
    code: String,
    message: String,
}

struct Caller {
    fake: FakeCloudWatch,
    client: Client<HttpConnector, Full<Bytes>>,
}

type SendError = hyper_util::client::legacy::Error;

impl Caller {
    async fn new() -> Self {
        let fake = FakeCloudWatch::start().await;
        fake.set_now_ms(NOW_MS);
        Self { fake, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    async fn send(&self, body: Vec<u8>, headers: &[(&str, &str)]) -> Result<Told, SendError> {
        let mut request = Request::post(format!("{}{PATH}", self.fake.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.client.request(request.body(Full::from(body)).unwrap()).await?;
        let status = response.status().as_u16();
        let code = response.headers().get("x-amzn-query-error");
        let code = code.map_or("", |value| value.to_str().unwrap()).to_owned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let mut message = String::new();
        if !code.is_empty() {
            let mut d = Decoder::new(&body);
            assert_eq!(d.map().unwrap(), Some(2));
            assert_eq!(d.str().unwrap(), "__type");
            d.str().unwrap();
            assert_eq!(d.str().unwrap(), "message");
            d.str().unwrap().clone_into(&mut message);
        }
        Ok(Told { status, code, message })
    }

    async fn put(&self, call: &PutMetricData<'_>) -> Result<Told, SendError> {
        let headers = [("smithy-protocol", "rpc-v2-cbor"), ("authorization", "AWS4-HMAC-SHA256")];
        self.send(encode(call), &headers).await
    }

    async fn status(&self, call: &PutMetricData<'_>) -> u16 {
        self.put(call).await.unwrap().status
    }
}
