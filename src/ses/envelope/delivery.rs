//! A Firehose delivery: one JSON object with a `requestId` and a list of `records`.
//!
//! Firehose always writes it in the same form, so jumping from quote to quote finds the records. A
//! body in any other form is parsed.

use memchr::{memchr, memchr2};

use super::data::Buffer;
use super::data::each_data;
use super::path::Path;
use super::unwrap::Unwrapper;
use super::visitor::Visitor;
use crate::ses::event::interest::Interest;
use crate::ses::event::value::Value;
use crate::ses::event::value_reader::read_by_reference;
use crate::ses::json::raw::{Raw, Text};
use crate::ses::json::space::trim_start;
use crate::ses::json::step::Step;

/// A Firehose delivery whose records are not read yet.
#[derive(Debug)]
pub struct FirehoseRequest<'a> {
    pub request_id: Text<'a>,
    body: &'a [u8],
    records: RecordList<'a>,
    path: Path,
}

#[derive(Debug)]
enum RecordList<'a> {
    /// The position after the `[` of a body that looks as Firehose writes it.
    Ahead(Walk<'a>),
    /// A parsed list.
    Known(Raw<'a>),
}

/// The body is not in Firehose's form, or not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unusual;

const NOT_JSON: &str = "the body is not JSON";

/// Reads the start of a delivery, up to its records.
///
/// # Errors
/// Why no record can be read from the body at all.
pub fn read_request<'a>(
    body: &'a [u8],
    interest: &Interest,
) -> Result<FirehoseRequest<'a>, &'static str> {
    if let Some((request_id, walk)) = Walk(body).until_records() {
        let records = RecordList::Ahead(walk);
        return Ok(FirehoseRequest { request_id, body, records, path: Path::default() });
    }
    by_parser(body, interest)
}

/// As [`read_request`], with the parser only.
pub(crate) fn by_parser<'a>(
    body: &'a [u8],
    interest: &Interest,
) -> Result<FirehoseRequest<'a>, &'static str> {
    let (request_id, records) = parse(body, interest)?;
    let records = RecordList::Known(records);
    Ok(FirehoseRequest { request_id, body, records, path: Path::default() })
}

/// A body in any form.
fn parse<'a>(body: &'a [u8], interest: &Interest) -> Result<(Text<'a>, Raw<'a>), &'static str> {
    let body = trim_start(body);
    let mut value = Value::default();
    // The receiver limits the size of the body, so any length is read here.
    let step = read_by_reference(body, interest, body.len(), &mut value);
    let Step::Value { len } = step else { return Err(NOT_JSON) };
    if !trim_start(&body[len..]).is_empty() {
        return Err("the body is not one JSON value");
    }
    let wrapper = value.wrapper.map(|wrapper| *wrapper).unwrap_or_default();
    let request_id = wrapper.request_id.text().ok_or("the body has no requestId")?;
    if !wrapper.records.is_list() {
        return Err("the body has no `records` list");
    }
    Ok((request_id, wrapper.records))
}

// === impl FirehoseRequest ===

impl FirehoseRequest<'_> {
    /// Marks the body as decompressed, which counts as one of the two gzip levels of a path.
    #[must_use]
    pub(crate) fn within_gzip(mut self) -> Self {
        self.path = Path::outermost(1);
        self
    }

    /// Reads every record into a visitor and returns it. For a value that is not an event, `at` is
    /// the number of its record, from 0. `fresh` creates the visitor, and another one if the first
    /// read a body in another form than expected. A visitor over its budget gets no more records.
    ///
    /// # Errors
    /// Why the body is not a delivery.
    pub fn read<V: Visitor>(
        &self,
        interest: &Interest,
        mut fresh: impl FnMut() -> V,
    ) -> Result<V, &'static str> {
        let path = &self.path;
        let mut visitor = fresh();
        let records = match &self.records {
            RecordList::Known(records) => *records,
            RecordList::Ahead(walk) => {
                let mut unwrapper = Unwrapper::new(interest, 0, &mut visitor);
                let walked = walk.clone().each_record(|bytes, at| {
                    unwrapper.move_to(at);
                    unwrapper.data(bytes, path)
                });
                if walked.is_ok() {
                    return Ok(visitor);
                }
                let (request_id, records) = parse(self.body, interest)?;
                if request_id != self.request_id {
                    return Err("the body has two requestIds");
                }
                visitor = fresh();
                records
            }
        };
        let mut unwrapper = Unwrapper::new(interest, 0, &mut visitor);
        each_data(records, |data, record, at| {
            unwrapper.move_to(at);
            match data {
                Some(bytes) => unwrapper.data(bytes, path),
                None => unwrapper.not_base64(record, path),
            }
        });
        Ok(visitor)
    }

    /// Passes the bytes of every record, or `None` if they are not Base64, with the record's
    /// number.
    ///
    /// # Errors
    /// The body is not in Firehose's form; [`Self::read`] reads it anyway.
    pub fn each_record(&self, mut take: impl FnMut(Option<&[u8]>, u64)) -> Result<(), Unusual> {
        match &self.records {
            RecordList::Ahead(walk) => walk.clone().each_record(|bytes, at| {
                take(Some(bytes), at);
                true
            }),
            RecordList::Known(records) => {
                each_data(*records, |data, _, at| {
                    take(data, at);
                    true
                });
                Ok(())
            }
        }
    }
}

/// The rest of a body.
#[derive(Clone, Debug)]
struct Walk<'a>(&'a [u8]);

// === impl Walk ===

impl<'a> Walk<'a> {
    /// The request ID, if only it and a timestamp come before the records.
    fn until_records(mut self) -> Option<(Text<'a>, Self)> {
        let (mut request_id, mut timestamp) = (None, false);
        self.token(b'{')?;
        loop {
            let key = self.text()?;
            self.token(b':')?;
            match key {
                b"requestId" if request_id.is_none() => request_id = Some(self.text()?),
                b"timestamp" if !timestamp => {
                    self.number()?;
                    timestamp = true;
                }
                b"records" => break,
                _ => return None,
            }
            self.token(b',')?;
        }
        self.token(b'[')?;
        let request_id = request_id?;
        let plain = request_id.iter().all(u8::is_ascii_graphic);
        plain.then_some((request_id.into(), self))
    }

    /// Passes the records of a list of objects with only Base64 `data`, up to the end of the body,
    /// while `take` returns true.
    fn each_record(mut self, mut take: impl FnMut(&[u8], u64) -> bool) -> Result<(), Unusual> {
        let mut buffer = Buffer::default();
        let mut at = 0;
        if self.token(b']').is_none() {
            loop {
                // Anything that the decoder accepts is ASCII and valid in a JSON string.
                let bytes = self.record().and_then(|data| buffer.decode(data)).ok_or(Unusual)?;
                if !take(bytes, at) {
                    return Ok(());
                }
                at += 1;
                if self.token(b',').is_none() {
                    self.token(b']').ok_or(Unusual)?;
                    break;
                }
            }
        }
        self.token(b'}').ok_or(Unusual)?;
        if trim_start(self.0).is_empty() { Ok(()) } else { Err(Unusual) }
    }

    /// The `data` of a record.
    fn record(&mut self) -> Option<&'a [u8]> {
        self.token(b'{')?;
        if self.text()? != b"data" {
            return None;
        }
        self.token(b':')?;
        self.token(b'"')?;
        // No need to look for backslashes: the decoder rejects them.
        let (data, rest) = self.0.split_at(memchr(b'"', self.0)?);
        self.0 = &rest[1..];
        self.token(b'}')?;
        Some(data)
    }

    #[inline]
    fn token(&mut self, token: u8) -> Option<()> {
        let (first, rest) = trim_start(self.0).split_first()?;
        (*first == token).then(|| self.0 = rest)
    }

    /// A string without escapes; the caller must check its content.
    #[inline]
    fn text(&mut self) -> Option<&'a [u8]> {
        self.token(b'"')?;
        let end = memchr2(b'"', b'\\', self.0)?;
        let (text, rest) = self.0.split_at(end);
        self.0 = rest;
        self.token(b'"')?;
        Some(text)
    }

    /// A whole number without a sign.
    fn number(&mut self) -> Option<()> {
        let rest = trim_start(self.0);
        let len = rest.iter().position(|byte| !byte.is_ascii_digit())?;
        let sound = len == 1 || (len > 1 && rest[0] != b'0');
        sound.then(|| self.0 = &rest[len..])
    }
}
