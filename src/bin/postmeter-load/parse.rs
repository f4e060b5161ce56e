//! Values of the command line.

use std::time::Duration;

use bytesize::ByteSize;
use hyper::Uri;
use hyper::header::HeaderValue;
use postmeter::ses::time::parse_ms;

pub(crate) fn url(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
    match uri.scheme_str() {
        Some("http" | "https") if uri.host().is_some_and(|host| !host.is_empty()) => Ok(uri),
        _ => Err("not a URL such as http://127.0.0.1:8127/firehose".to_owned()),
    }
}

/// The `Authorization` header of a token. Its value is hidden in debug output.
pub(crate) fn bearer(token: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| "not a valid token".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

pub(crate) fn time(text: &str) -> Result<i64, String> {
    parse_ms(text.as_bytes()).ok_or_else(|| "not a time such as 2026-11-20T12:00:00Z".to_owned())
}

pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    match text.parse::<ByteSize>() {
        Ok(size) if size.as_u64() > 0 => Ok(size.as_u64()),
        _ => Err("not a size such as 1MB or 64KiB".to_owned()),
    }
}

fn bytes_within(text: &str, least: u64, most: u64) -> Result<usize, String> {
    let bytes = bytes(text)?;
    if !(least..=most).contains(&bytes) {
        return Err(format!("not from {} to {}", ByteSize(least), ByteSize(most)));
    }
    usize::try_from(bytes).map_err(|error| error.to_string())
}

pub(crate) fn body_bytes(text: &str) -> Result<usize, String> {
    bytes_within(text, 1, 64 << 20)
}

/// `PutRecordBatch` accepts 4 MiB; the last record may exceed the requested size.
pub(crate) fn batch_bytes(text: &str) -> Result<usize, String> {
    bytes_within(text, 1, 3 << 20)
}

/// Ten events in one record must stay below a record's limit of 1,000 KiB.
pub(crate) fn event_bytes(text: &str) -> Result<usize, String> {
    bytes_within(text, 1, 64 << 10)
}

fn number_within(text: &str, most: usize) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(format!("not a number from 1 to {most}")),
    }
}

pub(crate) fn cardinality(text: &str) -> Result<usize, String> {
    number_within(text, 10_000_000)
}

pub(crate) fn pool(text: &str) -> Result<usize, String> {
    number_within(text, 4096)
}

pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (0.001..=1e9).contains(rate));
    rate.ok_or_else(|| "not a number of events per second, such as 50000".to_owned())
}

pub(crate) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "not a share from 0 to 1, such as 0.05".to_owned())
}

pub(crate) fn positive(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() => Ok(time),
        Ok(_) => Err("must be longer than 0".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_urls_and_shares_are_parsed() {
        assert_eq!(body_bytes("1MiB"), Ok(1 << 20));
        assert_eq!(bytes("1GB"), Ok(1_000_000_000));
        for wrong in ["0", "", "-1", "1 apple", "1GiB"] {
            assert!(body_bytes(wrong).is_err(), "{wrong}");
        }
        assert!(url("https://example.com/firehose").is_ok());
        for wrong in ["127.0.0.1:8127", "ftp://a/b", "http://", "/firehose", "aws"] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
        assert!(share("1.01").is_err() && share("NaN").is_err() && share("1").is_ok());
        assert!(rate("0").is_err() && rate("inf").is_err() && rate("0.5").is_ok());
        assert!(positive("0s").is_err() && positive("soon").is_err() && positive("1m").is_ok());
    }
}
