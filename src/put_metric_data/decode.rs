//! The wire format: Smithy RPC v2 CBOR, as the AWS SDKs use it.
//! <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>, read 2026-11-21.

use std::borrow::Cow;
use std::io::{self, Read};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use minicbor::Decoder;
use minicbor::data::Type;
use minicbor::decode::Error;

use super::request::{PutDatum, PutDimension, PutMetricData, PutStatistics};

/// What to do with members that the operation does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownMembers {
    /// As CloudWatch does.
    Skip,
    /// In a test such a member is a bug of the sender.
    Reject,
}

/// Why a body is not a call.
#[derive(Debug, thiserror::Error)]
pub enum PutDecodeError {
    #[error("broken gzip: {0}")]
    Gzip(io::Error),
    #[error("content-encoding {0}")]
    Encoding(String),
    #[error(transparent)]
    Cbor(#[from] Error),
}

/// Undoes `Content-Encoding`, up to one byte more than `bytes_max`.
///
/// # Errors
/// The encoding is broken or unknown.
pub fn inflate(
    body: &Bytes,
    encoding: Option<&[u8]>,
    bytes_max: usize,
) -> Result<Bytes, PutDecodeError> {
    match encoding {
        None | Some(b"identity") => Ok(body.clone()),
        Some(b"gzip") => {
            let mut plain = Vec::new();
            MultiGzDecoder::new(&body[..])
                .take(bytes_max as u64 + 1)
                .read_to_end(&mut plain)
                .map_err(PutDecodeError::Gzip)?;
            Ok(plain.into())
        }
        Some(other) => Err(PutDecodeError::Encoding(String::from_utf8_lossy(other).into_owned())),
    }
}

/// Reads a call.
///
/// # Errors
/// It is not valid CBOR, or not a `PutMetricData` call.
pub fn decode(body: &[u8], unknown: UnknownMembers) -> Result<PutMetricData<'_>, PutDecodeError> {
    let mut d = Decoder::new(body);
    let mut call = PutMetricData::default();
    each_member(&mut d, |name, d| {
        match name {
            "Namespace" => call.namespace = Some(text(d)?),
            "MetricData" => each_item(d, |d| {
                call.metric_data.push(datum(d, unknown)?);
                Ok(())
            })?,
            other => unknown.meet(other, d)?,
        }
        Ok(())
    })?;
    if d.position() < body.len() {
        return Err(Error::message("bytes after the end of the request").into());
    }
    Ok(call)
}

fn datum<'b>(d: &mut Decoder<'b>, unknown: UnknownMembers) -> Result<PutDatum<'b>, Error> {
    let mut datum = PutDatum::default();
    each_member(d, |name, d| {
        match name {
            "MetricName" => datum.metric_name = Some(text(d)?),
            "Dimensions" => each_item(d, |d| {
                datum.dimensions.push(dimension(d, unknown)?);
                Ok(())
            })?,
            "Timestamp" => datum.timestamp_ms = Some(timestamp(d)?),
            "Value" => datum.value = Some(number(d)?),
            "StatisticValues" => datum.statistics = Some(statistics(d, unknown)?),
            "Values" => datum.values = Some(numbers(d)?),
            "Counts" => datum.counts = Some(numbers(d)?),
            "Unit" => datum.unit = Some(text(d)?),
            "StorageResolution" => datum.storage_resolution = Some(number(d)?),
            other => unknown.meet(other, d)?,
        }
        Ok(())
    })?;
    Ok(datum)
}

fn dimension<'b>(d: &mut Decoder<'b>, unknown: UnknownMembers) -> Result<PutDimension<'b>, Error> {
    let mut dimension = PutDimension::default();
    each_member(d, |name, d| {
        match name {
            "Name" => dimension.name = Some(text(d)?),
            "Value" => dimension.value = Some(text(d)?),
            other => unknown.meet(other, d)?,
        }
        Ok(())
    })?;
    Ok(dimension)
}

fn statistics(d: &mut Decoder<'_>, unknown: UnknownMembers) -> Result<PutStatistics, Error> {
    let mut statistics = PutStatistics::default();
    each_member(d, |name, d| {
        match name {
            "SampleCount" => statistics.sample_count = Some(number(d)?),
            "Sum" => statistics.sum = Some(number(d)?),
            "Minimum" => statistics.minimum = Some(number(d)?),
            "Maximum" => statistics.maximum = Some(number(d)?),
            other => unknown.meet(other, d)?,
        }
        Ok(())
    })?;
    Ok(statistics)
}

/// Timestamps are tag 1 with seconds, whole or fractional.
fn timestamp(d: &mut Decoder<'_>) -> Result<i64, Error> {
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

/// Whether a map or array continues: by its count, or until the break for an indefinite one.
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

// === impl UnknownMembers ===

impl UnknownMembers {
    fn meet(self, name: &str, d: &mut Decoder<'_>) -> Result<(), Error> {
        match self {
            Self::Skip => d.skip(),
            Self::Reject => Err(Error::message(format!("unknown member {name}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use minicbor::Encoder;
    use minicbor::data::{IanaTag, Tag};

    use super::*;

    fn body(member: &str) -> Vec<u8> {
        let mut e = Encoder::new(Vec::new());
        e.map(2).unwrap().str("Namespace").unwrap().str("Mail").unwrap();
        e.str("MetricData").unwrap().begin_array().unwrap().begin_map().unwrap();
        e.str("Timestamp").unwrap().tag(Tag::from(IanaTag::Timestamp)).unwrap().u32(7).unwrap();
        e.str(member).unwrap().f64(2.5).unwrap().end().unwrap().end().unwrap();
        e.into_writer()
    }

    #[test]
    fn call_is_read_and_unknown_members_are_skipped_or_rejected() {
        let known = body("Value");
        let call = decode(&known, UnknownMembers::Reject).unwrap();
        let datum = &call.metric_data[0];
        assert_eq!(
            (call.namespace(), datum.timestamp_ms, datum.value),
            ("Mail", Some(7000), Some(2.5))
        );
        assert!(decode(&known[..known.len() - 1], UnknownMembers::Skip).is_err());
        assert!(decode(&[&known[..], &[0]].concat(), UnknownMembers::Skip).is_err());
        let other = body("Other");
        assert!(decode(&other, UnknownMembers::Reject).is_err());
        assert_eq!(decode(&other, UnknownMembers::Skip).unwrap().metric_data[0].value, None);
    }

    #[test]
    fn body_is_inflated_up_to_a_limit() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut gzip, &[7; 100]).unwrap();
        let gzip = Bytes::from(gzip.finish().unwrap());
        assert_eq!(inflate(&gzip, Some(b"gzip"), 1000).unwrap().len(), 100);
        assert_eq!(inflate(&gzip, Some(b"gzip"), 50).unwrap().len(), 51);
        assert_eq!(inflate(&gzip, None, 1).unwrap(), gzip);
        assert!(inflate(&gzip.slice(..20), Some(b"gzip"), 1000).is_err());
        assert!(inflate(&gzip, Some(b"br"), 1000).is_err());
    }
}
