//! A Firehose delivery: one JSON object with a `requestId` and a list of `records`.
//!
//! Firehose writes it always alike, so a walk from quote to quote finds the records; a body of any
//! other shape goes through the parser.

use memchr::{memchr, memchr2};

use super::data::Buffer;
use super::interest::Interest;
use super::json::{Step, read_by_reference};
use super::raw::Entries;
use super::unwrap::{Path, Visit, not_base64, read_data};
use super::value::{Text, Value};

/// A Firehose delivery request, its records not yet read.
#[derive(Debug)]
pub struct FirehoseRequest<'a> {
    pub request_id: Text<'a>,
    body: &'a [u8],
    records: Records<'a>,
}

#[derive(Debug)]
enum Records<'a> {
    /// Behind the `[` of a body that looks as Firehose writes it, as far as that was read.
    Ahead(Walk<'a>),
    Known(Vec<Option<Text<'a>>>),
}

/// The body turned out to be of another shape than Firehose's, or not to be JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unusual;

const NOT_JSON: &str = "the body is not JSON";

/// Reads the beginning of a delivery, up to its records.
///
/// # Errors
/// Says what is wrong when no record can be read from the body at all.
pub fn read_request<'a>(
    body: &'a [u8],
    interest: &Interest,
) -> Result<FirehoseRequest<'a>, &'static str> {
    if let Some((request_id, walk)) = Walk(body).until_records() {
        return Ok(FirehoseRequest { request_id, body, records: Records::Ahead(walk) });
    }
    by_parser(body, interest)
}

/// As [`read_request`], by the parser alone.
pub(super) fn by_parser<'a>(
    body: &'a [u8],
    interest: &Interest,
) -> Result<FirehoseRequest<'a>, &'static str> {
    let (request_id, records) = parse(body, interest)?;
    Ok(FirehoseRequest { request_id, body, records: Records::Known(records) })
}

type Parsed<'a> = (Text<'a>, Vec<Option<Text<'a>>>);

/// A body of any shape.
fn parse<'a>(body: &'a [u8], interest: &Interest) -> Result<Parsed<'a>, &'static str> {
    let body = trim_start(body);
    let mut value = Value::default();
    // The receiver of the body has its own limit, so any length that came through is read.
    let step = read_by_reference(body, interest, 0, body.len(), false, &mut value);
    let Step::Value { len } = step else { return Err(NOT_JSON) };
    if !trim_start(&body[len..]).is_empty() {
        return Err("the body is not one JSON value");
    }
    let wrapper = value.wrapper.map(|wrapper| *wrapper).unwrap_or_default();
    match (wrapper.request_id, wrapper.records) {
        (None, _) => Err("the body has no requestId"),
        (_, None) => Err("the body has no list of records"),
        (Some(request_id), Some(records)) => Ok((request_id, records)),
    }
}

fn trim_start(text: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let start = text.iter().position(|byte| !is_space(byte));
    &text[start.unwrap_or(text.len())..]
}

// === impl FirehoseRequest ===

impl FirehoseRequest<'_> {
    /// Reads every record into a visitor, and gives it back. `at` of what is no event is the number
    /// of its record, from 0. `fresh` makes the visitor; another one when the first saw a body that
    /// was not what it seemed.
    ///
    /// # Errors
    /// Says what is wrong when the body turns out to be no delivery.
    pub fn read<V: Visit>(
        &self,
        interest: &Interest,
        mut fresh: impl FnMut() -> V,
    ) -> Result<V, &'static str> {
        let path = Path::default();
        let mut raws = Entries::of(self.body, "records");
        let mut read = |visit: &mut V, record: Option<&[u8]>, at| match record {
            Some(bytes) => read_data(bytes, interest, &path, at, visit),
            None => not_base64(&mut raws, at, &path, at, visit),
        };
        let mut visit = fresh();
        if self.each_record(|record, at| read(&mut visit, record, at)).is_err() {
            let (request_id, records) = parse(self.body, interest)?;
            if request_id != self.request_id {
                return Err("the body has two requestIds");
            }
            visit = fresh();
            each_of(&records, |record, at| read(&mut visit, record, at));
        }
        Ok(visit)
    }

    /// Hands out every record's bytes, or `None` where they are not base64, and its number.
    ///
    /// # Errors
    /// The body is of another shape than Firehose's; [`Self::read`] reads that too.
    pub fn each_record(&self, take: impl FnMut(Option<&[u8]>, u64)) -> Result<(), Unusual> {
        match &self.records {
            Records::Ahead(walk) => walk.clone().each_record(take),
            Records::Known(records) => {
                each_of(records, take);
                Ok(())
            }
        }
    }
}

fn each_of(records: &[Option<Text<'_>>], mut take: impl FnMut(Option<&[u8]>, u64)) {
    let mut buffer = Buffer::default();
    for (record, at) in records.iter().zip(0..) {
        take(record.as_ref().and_then(|data| buffer.decode(data)), at);
    }
}

/// What of a body is still ahead.
#[derive(Clone, Debug)]
struct Walk<'a>(&'a [u8]);

// === impl Walk ===

impl<'a> Walk<'a> {
    /// The request's id, if it and a time are all that stands before the records.
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

    /// Hands out a list of objects that have `data` in base64 and nothing else, up to the end of
    /// the body.
    fn each_record(mut self, mut take: impl FnMut(Option<&[u8]>, u64)) -> Result<(), Unusual> {
        let mut buffer = Buffer::default();
        let mut at = 0;
        if self.token(b']').is_none() {
            loop {
                // What the decoder takes may stand in a JSON string, and is all ASCII.
                let bytes = self.record().and_then(|data| buffer.decode(data)).ok_or(Unusual)?;
                take(Some(bytes), at);
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
        // No backslash is looked for: the decoder takes none.
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

    /// A string without escapes; what else it must not hold is for the caller to see.
    #[inline]
    fn text(&mut self) -> Option<&'a [u8]> {
        self.token(b'"')?;
        let end = memchr2(b'"', b'\\', self.0)?;
        let (text, rest) = self.0.split_at(end);
        self.0 = rest;
        self.token(b'"')?;
        Some(text)
    }

    /// A whole number that is not negative.
    fn number(&mut self) -> Option<()> {
        let rest = trim_start(self.0);
        let len = rest.iter().position(|byte| !byte.is_ascii_digit())?;
        let sound = len == 1 || (len > 1 && rest[0] != b'0');
        sound.then(|| self.0 = &rest[len..])
    }
}
