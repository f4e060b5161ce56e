//! The wire format: Smithy RPC v2 CBOR as aws-sdk-cloudwatch uses it.
//!
//! Decodes a body into a [`PutMetricData`], and encodes an [`Answer`]. Only the format is checked
//! here; the limits are in `limits.rs`. Unknown fields are rejected: CloudWatch ignores them, but
//! in a test such a field is a bug of the sender.
//!
//! <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>, read 2026-11-21.

use std::hash::{DefaultHasher, Hasher as _};
use std::io::Read as _;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use minicbor::data::Type;
use minicbor::decode::Error;
use minicbor::{Decoder, Encoder};

/// A body that inflates beyond this is truncated: it is far over the limit of a request already.
const INFLATED_BYTES_MAX: u64 = 64 << 20;

#[derive(Debug, Default)]
pub(super) struct PutMetricData {
    pub namespace: Option<String>,
    pub metric_data: Vec<MetricDatum>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct MetricDatum {
    pub metric_name: Option<String>,
    pub dimensions: Vec<Dimension>,
    pub timestamp_ms: Option<i64>,
    pub value: Option<f64>,
    pub statistic_values: Option<StatisticSet>,
    pub values: Option<Vec<f64>>,
    pub counts: Option<Vec<f64>>,
    pub unit: Option<String>,
    pub storage_resolution: Option<f64>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Dimension {
    pub name: Option<String>,
    pub value: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct StatisticSet {
    pub sample_count: Option<f64>,
    pub sum: Option<f64>,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
}

/// A response before it is encoded as HTTP.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub status: u16,
    /// The code of the query protocol, which the SDK prefers to `__type`. Empty: no error code.
    pub code: &'static str,
    /// The shape's name for the CBOR body's `__type`.
    shape: &'static str,
    pub message: String,
}

impl Answer {
    pub(super) fn accepted() -> Self {
        Self { status: 200, code: "", shape: "", message: String::new() }
    }

    pub(super) fn error(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        // The modeled errors have different names as shapes and as query codes.
        let shape = match code {
            "InvalidParameterValue" => "InvalidParameterValueException",
            "InvalidParameterCombination" => "InvalidParameterCombinationException",
            "MissingParameter" => "MissingRequiredParameterException",
            "InternalServiceError" => "InternalServiceFault",
            other => other,
        };
        Self { status, code, shape, message: message.into() }
    }

    /// The response of a proxy or load balancer: a status and nothing else.
    pub(super) fn bare(status: u16) -> Self {
        Self { status, code: "", shape: "", message: String::new() }
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::builder()
            .status(self.status)
            .header("x-amzn-requestid", "00000000-0000-4000-8000-000000000000");
        let mut body = Encoder::new(Vec::new());
        if self.status == 200 {
            body.map(0).unwrap();
        } else if self.code.is_empty() {
            return response.body(Full::default()).unwrap();
        } else {
            let fault = if self.status < 500 { "Sender" } else { "Receiver" };
            response = response.header("x-amzn-query-error", format!("{};{fault}", self.code));
            let shape = format!("com.amazonaws.cloudwatch#{}", self.shape);
            body.map(2).unwrap().str("__type").unwrap().str(&shape).unwrap();
            body.str("message").unwrap().str(&self.message).unwrap();
        }
        response
            .header("smithy-protocol", "rpc-v2-cbor")
            .header("content-type", "application/cbor")
            .body(Full::new(body.into_writer().into()))
            .unwrap()
    }
}

/// Undoes `Content-Encoding`.
pub(super) fn inflate(body: &Bytes, encoding: Option<&str>) -> Result<Bytes, String> {
    match encoding {
        None | Some("identity") => Ok(body.clone()),
        Some("gzip") => {
            let mut plain = Vec::new();
            flate2::read::MultiGzDecoder::new(&body[..])
                .take(INFLATED_BYTES_MAX)
                .read_to_end(&mut plain)
                .map_err(|error| format!("broken gzip: {error}"))?;
            Ok(plain.into())
        }
        Some(other) => Err(format!("content-encoding {other}")),
    }
}

/// Distinguishes bodies; std's hasher has fixed keys, so equal bodies agree between processes.
pub(super) fn hash(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    hasher.finish()
}

pub(super) fn decode(body: &[u8]) -> Result<PutMetricData, Error> {
    let mut d = Decoder::new(body);
    let mut call = PutMetricData::default();
    each_member(&mut d, |name, d| {
        match name {
            "Namespace" => call.namespace = Some(text(d)?),
            "MetricData" => each_item(d, |d| {
                call.metric_data.push(datum(d)?);
                Ok(())
            })?,
            other => return Err(unknown(other)),
        }
        Ok(())
    })?;
    if d.position() < body.len() {
        return Err(Error::message("bytes after the end of the request"));
    }
    Ok(call)
}

fn datum(d: &mut Decoder) -> Result<MetricDatum, Error> {
    let mut datum = MetricDatum::default();
    each_member(d, |name, d| {
        match name {
            "MetricName" => datum.metric_name = Some(text(d)?),
            "Dimensions" => each_item(d, |d| {
                datum.dimensions.push(dimension(d)?);
                Ok(())
            })?,
            "Timestamp" => datum.timestamp_ms = Some(timestamp(d)?),
            "Value" => datum.value = Some(number(d)?),
            "StatisticValues" => datum.statistic_values = Some(statistic_set(d)?),
            "Values" => datum.values = Some(numbers(d)?),
            "Counts" => datum.counts = Some(numbers(d)?),
            "Unit" => datum.unit = Some(text(d)?),
            "StorageResolution" => datum.storage_resolution = Some(number(d)?),
            other => return Err(unknown(other)),
        }
        Ok(())
    })?;
    Ok(datum)
}

fn dimension(d: &mut Decoder) -> Result<Dimension, Error> {
    let mut dimension = Dimension::default();
    each_member(d, |name, d| {
        match name {
            "Name" => dimension.name = Some(text(d)?),
            "Value" => dimension.value = Some(text(d)?),
            other => return Err(unknown(other)),
        }
        Ok(())
    })?;
    Ok(dimension)
}

fn statistic_set(d: &mut Decoder) -> Result<StatisticSet, Error> {
    let mut set = StatisticSet::default();
    each_member(d, |name, d| {
        let field = match name {
            "SampleCount" => &mut set.sample_count,
            "Sum" => &mut set.sum,
            "Minimum" => &mut set.minimum,
            "Maximum" => &mut set.maximum,
            other => return Err(unknown(other)),
        };
        *field = Some(number(d)?);
        Ok(())
    })?;
    Ok(set)
}

/// Timestamps are tag 1 with seconds, whole or fractional.
fn timestamp(d: &mut Decoder) -> Result<i64, Error> {
    if d.tag()?.as_u64() != 1 {
        return Err(Error::message("a timestamp that is not tag 1"));
    }
    let seconds = number(d)?;
    if !seconds.is_finite() {
        return Err(Error::message("a timestamp that is no number"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "saturates; far beyond what is accepted")]
    Ok((seconds * 1000.0).round() as i64)
}

fn number(d: &mut Decoder) -> Result<f64, Error> {
    match d.datatype()? {
        Type::F16 | Type::F32 | Type::F64 => d.f64(),
        #[expect(clippy::cast_precision_loss, reason = "CloudWatch's numbers are doubles")]
        _ => Ok(i128::from(d.int()?) as f64),
    }
}

fn numbers(d: &mut Decoder) -> Result<Vec<f64>, Error> {
    let mut numbers = Vec::new();
    each_item(d, |d| {
        numbers.push(number(d)?);
        Ok(())
    })?;
    Ok(numbers)
}

fn text(d: &mut Decoder) -> Result<String, Error> {
    d.str_iter()?.collect()
}

fn each_member(
    d: &mut Decoder,
    mut member: impl FnMut(&str, &mut Decoder) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut left = d.map()?;
    while more(d, &mut left)? {
        let name = text(d)?;
        member(&name, d)?;
    }
    Ok(())
}

fn each_item(
    d: &mut Decoder,
    mut item: impl FnMut(&mut Decoder) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut left = d.array()?;
    while more(d, &mut left)? {
        item(d)?;
    }
    Ok(())
}

/// Whether a map or array continues: by its count, or until the break for an indefinite one.
fn more(d: &mut Decoder, left: &mut Option<u64>) -> Result<bool, Error> {
    match left {
        Some(0) => Ok(false),
        Some(n) => {
            *n -= 1;
            Ok(true)
        }
        None if d.datatype()? == Type::Break => {
            d.set_position(d.position() + 1);
            Ok(false)
        }
        None => Ok(true),
    }
}

fn unknown(member: &str) -> Error {
    Error::message(format!("unknown member {member}"))
}
