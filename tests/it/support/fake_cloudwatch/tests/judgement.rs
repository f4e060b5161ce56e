//! What is accepted and how it is summed; what is rejected, and that nothing of it remains.

use std::io::Write as _;

use minicbor::Encoder;
use minicbor::data::{IanaTag, Tag};

use postmeter::put_metric_data::{PutDatum, PutMetricData, PutStatistics};

use super::super::{FakeSeries, Outcome};
use super::{Caller, NOW_MS, Told, call_of, datum, dimension, encode};

#[tokio::test]
async fn accepted_figures_are_summed_in_every_form() {
    let caller = Caller::new().await;
    let set = PutStatistics {
        sample_count: Some(4.0),
        sum: Some(10.0),
        minimum: Some(1.0),
        maximum: Some(4.0),
    };
    let by_set = PutDatum { value: None, statistics: Some(set), ..datum(0.0) };
    let by_values = PutDatum {
        value: None,
        values: Some(vec![1.0, 5.0]),
        counts: Some(vec![100.0, 2.0]),
        ..datum(0.0)
    };
    let elsewhere = PutDatum { timestamp_ms: Some(NOW_MS - 60_000), ..datum(7.0) };
    let call = call_of(vec![datum(3.0), by_set, by_values, elsewhere]);

    assert_eq!(caller.status(&call).await, 200);

    let series = |timestamp| FakeSeries {
        namespace: "Mail".to_owned(),
        metric: "Delivery".to_owned(),
        dimensions: vec![("set".to_owned(), "a".to_owned())],
        timestamp,
    };
    let (now, before) = (series(NOW_MS / 1000), series(NOW_MS / 1000 - 60));
    assert_eq!(caller.fake.totals(), [(before.clone(), 7.0), (now.clone(), 123.0)].into());
    assert_eq!(caller.fake.sample_counts(), [(before, 1.0), (now, 107.0)].into());
    assert_eq!(caller.fake.total_in("Mail"), 130);
    assert_eq!(caller.fake.total_in("Other"), 0);
    let units = [(("Mail".to_owned(), "Delivery".to_owned()), vec!["Count".to_owned()])];
    assert_eq!(caller.fake.units(), units.into());
}

#[tokio::test]
async fn the_order_of_dimensions_makes_no_other_series() {
    let caller = Caller::new().await;
    let one = vec![dimension("a", "1"), dimension("b", "2")];
    let other = vec![dimension("b", "2"), dimension("a", "1")];
    let call = call_of(vec![
        PutDatum { dimensions: one, ..datum(1.0) },
        PutDatum { dimensions: other, ..datum(1.0) },
    ]);
    assert_eq!(caller.status(&call).await, 200);
    assert_eq!(caller.fake.totals().into_values().collect::<Vec<_>>(), [2.0]);
}

#[tokio::test]
async fn definite_maps_and_whole_numbers_are_read_and_sums_beyond_a_double_are_exact() {
    let caller = Caller::new().await;
    let mut e = Encoder::new(Vec::new());
    e.map(2).unwrap().str("Namespace").unwrap().str("Mail").unwrap();
    e.str("MetricData").unwrap().begin_array().unwrap();
    for value in [1_i64 << 53, 1] {
        e.map(3).unwrap().str("MetricName").unwrap().str("Send").unwrap();
        e.str("Timestamp").unwrap().tag(Tag::from(IanaTag::Timestamp)).unwrap();
        e.i64(NOW_MS / 1000).unwrap();
        e.str("Value").unwrap().i64(value).unwrap();
    }
    e.end().unwrap();
    let headers = [("smithy-protocol", "rpc-v2-cbor"), ("authorization", "x")];
    let told = caller.send(e.into_writer(), &headers).await.unwrap();
    assert_eq!(told.status, 200);
    assert_eq!(caller.fake.total_in("Mail"), (1 << 53) + 1);
}

#[tokio::test]
async fn gzip_is_undone_and_a_repetition_has_the_same_hash() {
    let caller = Caller::new().await;
    let plain = encode(&call_of(vec![datum(1.0); 100]));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&plain).unwrap();
    let gzip = gzip.finish().unwrap();
    let headers = [("smithy-protocol", "rpc-v2-cbor"), ("authorization", "x")];
    let packed_headers = [headers[0], headers[1], ("content-encoding", "gzip")];

    assert_eq!(caller.send(gzip.clone(), &packed_headers).await.unwrap().status, 200);
    assert_eq!(caller.send(plain.clone(), &headers).await.unwrap().status, 200);
    assert_eq!(caller.status(&call_of(vec![datum(2.0)])).await, 200);

    let calls = caller.fake.calls();
    assert_eq!((calls[0].gzip, calls[0].wire_bytes), (true, gzip.len()));
    assert_eq!((calls[0].datums, calls[0].uncompressed_bytes), (100, plain.len()));
    assert_eq!((calls[0].namespace.as_str(), calls[0].sum), ("Mail", 100.0));
    assert_eq!((calls[0].hash, calls[1].gzip), (calls[1].hash, false));
    assert_ne!(calls[1].hash, calls[2].hash);
    assert_eq!(caller.fake.total_in("Mail"), 202);
    assert_eq!(caller.send(plain, &packed_headers).await.unwrap().status, 400);
}

/// AWS's figures, said once more: constants of the library could be wrong together.
const BODY_BYTES_MAX: usize = 1_000_000;
const PAST_MS_MAX: i64 = 14 * 24 * 3600 * 1000;
const FUTURE_MS_MAX: i64 = 2 * 3600 * 1000;

type Change = fn(&mut PutDatum<'static>);

/// Changes after which a valid datum is still valid.
const AT_BOUND: &[Change] = &[
    |d| d.metric_name = Some("m".repeat(255).into()),
    |d| d.dimensions = (0..30).map(|i| dimension(&format!("d{i}"), "v")).collect(),
    |d| d.dimensions.clear(),
    |d| d.dimensions[0] = dimension(&"n".repeat(255), &"v".repeat(1024)),
    |d| d.dimensions[0] = dimension(" ~", " ! "),
    |d| d.value = Some(2f64.powi(360)),
    |d| d.value = Some(-2f64.powi(360)),
    |d| d.value = Some(2f64.powi(-360)),
    |d| d.value = Some(0.0),
    |d| d.timestamp_ms = Some(NOW_MS - PAST_MS_MAX),
    |d| d.timestamp_ms = Some(NOW_MS + FUTURE_MS_MAX),
    |d| d.timestamp_ms = None,
    |d| d.unit = None,
    |d| d.unit = Some("Terabits/Second".to_owned().into()),
    |d| d.storage_resolution = Some(1.0),
    |d| d.storage_resolution = Some(60.0),
    |d| {
        d.value = None;
        d.values = Some((0..150).map(f64::from).collect());
        d.counts = Some(vec![1.0; 150]);
    },
];

/// Changes that make a datum invalid, with a part of the resulting message.
const BEYOND: &[(&str, Change)] = &[
    ("MetricName", |d| d.metric_name = Some("m".repeat(256).into())),
    ("MetricName", |d| d.metric_name = Some(String::new().into())),
    ("MetricName", |d| d.metric_name = Some("é".to_owned().into())),
    ("MetricName is required", |d| d.metric_name = None),
    ("Dimensions must not have a size greater than 30", |d| {
        d.dimensions = (0..31).map(|i| dimension(&format!("d{i}"), "v")).collect();
    }),
    ("Dimensions.member.1.Name", |d| d.dimensions[0] = dimension(&"n".repeat(256), "v")),
    ("Dimensions.member.1.Name", |d| d.dimensions[0] = dimension("", "v")),
    ("Dimensions.member.1.Name", |d| d.dimensions[0] = dimension(":n", "v")),
    ("Dimensions.member.2.Name", |d| d.dimensions.push(dimension("set", "b"))),
    ("Dimensions.member.1.Value", |d| d.dimensions[0] = dimension("n", &"v".repeat(1025))),
    ("Dimensions.member.1.Value", |d| d.dimensions[0] = dimension("n", "")),
    ("Dimensions.member.1.Value", |d| d.dimensions[0] = dimension("n", "  ")),
    ("Dimensions.member.1.Value", |d| d.dimensions[0] = dimension("n", "a\tb")),
    ("Dimensions.member.1.Value", |d| d.dimensions[0] = dimension("n", "grün")),
    ("Dimensions.member.1.Value", |d| d.dimensions[0] = dimension("n", "\u{7f}")),
    ("The value NaN for parameter MetricData.member.2.Value is invalid.", |d| {
        d.value = Some(f64::NAN);
    }),
    ("member.2.Value", |d| d.value = Some(f64::INFINITY)),
    ("member.2.Value", |d| d.value = Some(2f64.powi(360) * 1.001)),
    ("member.2.Value", |d| d.value = Some(2f64.powi(-360) / 2.0)),
    ("member.2.Value", |d| d.value = Some(f64::MIN_POSITIVE / 2.0)),
    ("At least one", |d| d.value = None),
    ("mutually exclusive", |d| d.values = Some(vec![1.0])),
    ("Values is required", |d| d.counts = Some(vec![1.0])),
    ("within the past two weeks", |d| {
        d.timestamp_ms = Some(NOW_MS - PAST_MS_MAX - 1);
    }),
    ("two hours in the future", |d| {
        d.timestamp_ms = Some(NOW_MS + FUTURE_MS_MAX + 1);
    }),
    ("member.2.Unit", |d| d.unit = Some("count".to_owned().into())),
    ("member.2.StorageResolution", |d| d.storage_resolution = Some(30.0)),
    ("Values must not have a size greater than 150", |d| {
        d.value = None;
        d.values = Some((0..151).map(f64::from).collect());
    }),
    ("Counts must have as many", |d| {
        d.value = None;
        d.values = Some(vec![1.0, 2.0]);
        d.counts = Some(vec![1.0]);
    }),
    ("Values.member.2 must be unique", |d| {
        d.value = None;
        d.values = Some(vec![0.0, -0.0]);
    }),
    ("Counts.member.1 must be greater than 0", |d| {
        d.value = None;
        d.values = Some(vec![1.0]);
        d.counts = Some(vec![0.0]);
    }),
    ("SampleCount must be greater than 0", |d| {
        d.value = None;
        d.statistics = Some(PutStatistics {
            sample_count: Some(0.0),
            sum: Some(0.0),
            minimum: Some(0.0),
            maximum: Some(0.0),
        });
    }),
];

#[tokio::test]
async fn every_limit_of_a_datum_holds_at_its_bound_and_not_beyond() {
    let caller = Caller::new().await;
    for (i, change) in AT_BOUND.iter().enumerate() {
        let mut changed = datum(1.0);
        change(&mut changed);
        let told = caller.put(&call_of(vec![changed])).await.unwrap();
        assert_eq!(told.status, 200, "case {i}: {told:?}");
    }
    let totals = caller.fake.totals();
    for (piece, change) in BEYOND {
        let mut changed = datum(1.0);
        change(&mut changed);
        let told = caller.put(&call_of(vec![datum(1.0), changed, datum(1.0)])).await.unwrap();
        assert_eq!(told.status, 400, "{piece}: {told:?}");
        assert!(told.message.contains(piece), "{piece}: {told:?}");
        assert!(told.message.contains("MetricData.member.2."), "{piece}: {told:?}");
    }
    // All or nothing: the valid neighbors were not ingested either.
    assert_eq!(caller.fake.totals(), totals);
    assert!(caller.fake.calls()[AT_BOUND.len()..].iter().all(|call| !call.ingested));
}

#[tokio::test]
async fn every_limit_of_a_call_holds_at_its_bound_and_not_beyond() {
    let caller = Caller::new().await;
    let in_namespace = |namespace: &str| PutMetricData {
        namespace: Some(namespace.to_owned().into()),
        metric_data: vec![datum(1.0)],
    };
    for namespace in ["n", "AWS", "a:b/c#d", &"n".repeat(255)] {
        assert_eq!(caller.status(&in_namespace(namespace)).await, 200, "{namespace}");
    }
    for namespace in ["", " ", ":n", "AWS/SES", "\n", &"n".repeat(256)] {
        let told = caller.put(&in_namespace(namespace)).await.unwrap();
        let message = format!("The value {namespace} for parameter Namespace is invalid.");
        let code = "InvalidParameterValue;Sender".to_owned();
        assert_eq!(told, Told { status: 400, code, message });
    }
    let nameless = PutMetricData { namespace: None, metric_data: vec![datum(1.0)] };
    assert_eq!(caller.put(&nameless).await.unwrap().code, "MissingParameter;Sender");
    assert_eq!(caller.status(&call_of(vec![])).await, 400);

    assert_eq!(caller.status(&call_of(vec![datum(1.0); 1000])).await, 200);
    assert_eq!(caller.status(&call_of(vec![datum(1.0); 1001])).await, 400);
    assert_eq!(caller.fake.total_in("Mail"), 1000);
}

#[tokio::test]
async fn a_body_of_one_million_bytes_fits_and_one_byte_more_does_not() {
    let caller = Caller::new().await;
    let with_values = |bytes: usize| PutDatum {
        dimensions: (0..20).map(|i| dimension(&format!("d{i}"), &"v".repeat(bytes))).collect(),
        ..datum(1.0)
    };
    let wide = |bytes: usize| {
        let mut metric_data = vec![with_values(1024); 47];
        // Values of 256 to 1024 bytes have headers of the same length.
        metric_data.push(with_values(256));
        let mut call = call_of(metric_data);
        let mut missing = bytes - encode(&call).len();
        for dimension in &mut call.metric_data[47].dimensions {
            let more = missing.min(1024 - 256);
            dimension.value.as_mut().unwrap().to_mut().push_str(&"v".repeat(more));
            missing -= more;
        }
        call
    };
    for (bytes, status) in [(BODY_BYTES_MAX, 200), (BODY_BYTES_MAX + 1, 413)] {
        let call = wide(bytes);
        assert_eq!(encode(&call).len(), bytes);
        assert_eq!(caller.status(&call).await, status, "{bytes}");
    }
    let code = caller.fake.calls()[1].outcome.clone();
    assert_eq!(code, Outcome::Answered { status: 413, code: "RequestEntityTooLarge" });
    assert_eq!(caller.fake.total_in("Mail"), 48);
}

#[tokio::test]
async fn requests_in_the_wrong_form_are_refused() {
    let caller = Caller::new().await;
    let body = encode(&call_of(vec![datum(1.0)]));
    let signed = ("authorization", "x");
    let protocol = ("smithy-protocol", "rpc-v2-cbor");

    let told = caller.send(body.clone(), &[protocol]).await.unwrap();
    assert_eq!((told.status, told.code.as_str()), (403, "MissingAuthenticationToken;Sender"));
    assert_eq!(caller.send(body.clone(), &[signed]).await.unwrap().status, 404);
    let mut longer = body.clone();
    longer.push(0);
    let told = caller.send(longer, &[signed, protocol]).await.unwrap();
    assert_eq!((told.status, told.code.as_str()), (400, "SerializationException;Sender"));
    let shorter = body[..body.len() - 1].to_vec();
    assert_eq!(caller.send(shorter, &[signed, protocol]).await.unwrap().status, 400);
    assert!(caller.fake.totals().is_empty());
}
