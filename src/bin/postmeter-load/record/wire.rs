//! The wire format: Smithy RPC v2 CBOR, as used by the AWS SDKs.
//! <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>, read 2026-11-21.
//!
//! Unused members are skipped, as in CloudWatch.

use std::borrow::Cow;
use std::io::Read;

use axum::body::Body;
use axum::http::Response;
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use minicbor::data::Type;
use minicbor::decode::Error;
use minicbor::{Decoder, Encoder};

/// A call, borrowed from its body.
#[derive(Debug, Default)]
pub(super) struct Call<'b> {
    pub namespace: Cow<'b, str>,
    pub datums: Vec<Datum<'b>>,
}

#[derive(Debug, Default)]
pub(super) struct Datum<'b> {
    pub metric: Cow<'b, str>,
    pub dimensions: Vec<(Cow<'b, str>, Cow<'b, str>)>,
    /// Unix seconds; `None`: the time of arrival.
    pub timestamp: Option<i64>,
    pub unit: Option<Cow<'b, str>>,
    /// Values with their counts.
    pub amounts: Vec<(f64, f64)>,
}

/// A response before it is encoded as HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Accepted,
    Error { status: u16, code: &'static str, message: String },
}

/// Decodes `Content-Encoding`, up to one byte more than `bytes_max`.
///
/// # Errors
/// The encoding is broken or unknown.
pub(super) fn inflate(
    body: Bytes,
    encoding: Option<&[u8]>,
    bytes_max: usize,
) -> Result<Bytes, String> {
    match encoding {
        None | Some(b"identity") => Ok(body),
        Some(b"gzip") => {
            let mut plain = Vec::new();
            MultiGzDecoder::new(&body[..])
                .take(bytes_max as u64 + 1)
                .read_to_end(&mut plain)
                .map_err(|error| format!("broken gzip: {error}"))?;
            Ok(plain.into())
        }
        Some(other) => Err(format!("content-encoding {}", String::from_utf8_lossy(other))),
    }
}

/// Reads a call.
///
/// # Errors
/// It is not valid CBOR, or not a `PutMetricData` call.
pub(super) fn decode(body: &[u8]) -> Result<Call<'_>, Error> {
    let mut d = Decoder::new(body);
    let mut call = Call::default();
    each_member(&mut d, |name, d| {
        match name {
            "Namespace" => call.namespace = text(d)?,
            "MetricData" => each_item(d, |d| {
                call.datums.push(datum(d)?);
                Ok(())
            })?,
            _ => d.skip()?,
        }
        Ok(())
    })?;
    Ok(call)
}

fn datum<'b>(d: &mut Decoder<'b>) -> Result<Datum<'b>, Error> {
    let mut datum = Datum::default();
    let (mut values, mut counts) = (Vec::new(), None);
    each_member(d, |name, d| {
        match name {
            "MetricName" => datum.metric = text(d)?,
            "Dimensions" => each_item(d, |d| {
                datum.dimensions.push(dimension(d)?);
                Ok(())
            })?,
            "Timestamp" => datum.timestamp = Some(timestamp(d)?),
            "Unit" => datum.unit = Some(text(d)?),
            "Value" => datum.amounts.push((number(d)?, 1.0)),
            "StatisticValues" => datum.amounts.push((statistic_sum(d)?, 1.0)),
            "Values" => values = numbers(d)?,
            "Counts" => counts = Some(numbers(d)?),
            _ => d.skip()?,
        }
        Ok(())
    })?;
    match counts {
        Some(counts) if counts.len() != values.len() => {
            return Err(Error::message("Values and Counts differ in length"));
        }
        Some(counts) => datum.amounts.extend(values.into_iter().zip(counts)),
        None => datum.amounts.extend(values.into_iter().map(|value| (value, 1.0))),
    }
    // The order of dimensions does not matter to CloudWatch.
    datum.dimensions.sort();
    Ok(datum)
}

fn dimension<'b>(d: &mut Decoder<'b>) -> Result<(Cow<'b, str>, Cow<'b, str>), Error> {
    let mut dimension = <(Cow<'b, str>, Cow<'b, str>)>::default();
    each_member(d, |name, d| {
        match name {
            "Name" => dimension.0 = text(d)?,
            "Value" => dimension.1 = text(d)?,
            _ => d.skip()?,
        }
        Ok(())
    })?;
    Ok(dimension)
}

fn statistic_sum(d: &mut Decoder<'_>) -> Result<f64, Error> {
    let mut sum = 0.0;
    each_member(d, |name, d| {
        match name {
            "Sum" => sum = number(d)?,
            _ => d.skip()?,
        }
        Ok(())
    })?;
    Ok(sum)
}

/// Timestamps are tag 1 with seconds, whole or fractional.
fn timestamp(d: &mut Decoder<'_>) -> Result<i64, Error> {
    if d.tag()?.as_u64() != 1 {
        return Err(Error::message("a timestamp that is not tag 1"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    Ok(number(d)?.floor() as i64)
}

fn number(d: &mut Decoder<'_>) -> Result<f64, Error> {
    match d.datatype()? {
        Type::F16 | Type::F32 | Type::F64 => d.f64(),
        #[expect(clippy::cast_precision_loss, reason = "CloudWatch's numbers are doubles")]
        _ => Ok(i128::from(d.int()?) as f64),
    }
}

fn numbers(d: &mut Decoder<'_>) -> Result<Vec<f64>, Error> {
    let mut numbers = Vec::new();
    each_item(d, |d| {
        numbers.push(number(d)?);
        Ok(())
    })?;
    Ok(numbers)
}

fn text<'b>(d: &mut Decoder<'b>) -> Result<Cow<'b, str>, Error> {
    if d.datatype()? == Type::String {
        return d.str().map(Cow::Borrowed);
    }
    d.str_iter()?.collect::<Result<String, _>>().map(Cow::Owned)
}

fn each_member<'b>(
    d: &mut Decoder<'b>,
    mut member: impl FnMut(&str, &mut Decoder<'b>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut left = d.map()?;
    while more(d, &mut left)? {
        let name = text(d)?;
        member(&name, d)?;
    }
    Ok(())
}

fn each_item<'b>(
    d: &mut Decoder<'b>,
    mut item: impl FnMut(&mut Decoder<'b>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut left = d.array()?;
    while more(d, &mut left)? {
        item(d)?;
    }
    Ok(())
}

/// Whether a map or array has another entry: by its count, or until the break if it is indefinite.
fn more(d: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, Error> {
    match left {
        Some(0) => Ok(false),
        Some(many) => {
            *many -= 1;
            Ok(true)
        }
        None if d.datatype()? == Type::Break => {
            d.set_position(d.position() + 1);
            Ok(false)
        }
        None => Ok(true),
    }
}

// === impl Answer ===

impl Answer {
    pub(super) fn error(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self::Error { status, code, message: message.into() }
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::builder()
            .header("smithy-protocol", "rpc-v2-cbor")
            .header("content-type", "application/cbor")
            .header("x-amzn-requestid", "00000000-0000-4000-8000-000000000000");
        let mut cbor = Encoder::new(Vec::new());
        let encoded = match &self {
            Self::Accepted => cbor.map(0).map(|_| ()),
            Self::Error { status, code, message } => {
                let fault = if *status < 500 { "Sender" } else { "Receiver" };
                response = response
                    .status(*status)
                    .header("x-amzn-query-error", format!("{code};{fault}"));
                error_body(&mut cbor, code, message)
            }
        };
        let body = encoded.map(|()| cbor.into_writer()).unwrap_or_default();
        response.body(body.into()).unwrap_or_default()
    }
}

fn error_body(
    cbor: &mut Encoder<Vec<u8>>,
    code: &str,
    message: &str,
) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
    cbor.map(2)?.str("__type")?.str(&format!("com.amazonaws.cloudwatch#{code}"))?;
    cbor.str("message")?.str(message)?;
    Ok(())
}
