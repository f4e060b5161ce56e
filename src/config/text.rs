//! Parses and validates text, with one pure function for each type of value.
//!
//! A fault says what is wrong and how to fix it; the caller adds the place. User text is quoted,
//! shortened and escaped; an access key is never quoted.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{
    AccessKey, ApiKey, BucketOwner, DefinitionsSource, SignatureVersion, TopicArn, Unread,
};
use crate::definitions::namespace_fault;
use crate::printable::printable;

/// What is wrong, and how to fix it.
pub(super) type Fault = (String, String);

/// What Firehose allows in `X-Amz-Firehose-Access-Key`.
const ACCESS_KEY_BYTES_MAX: usize = 4096;
/// Long enough that it cannot be guessed over a network.
pub(super) const ACCESS_KEY_BYTES_WEAK: usize = 16;
/// IAM: 2048 for an ARN.
const ARN_BYTES_MAX: usize = 2048;
/// SES: 64 for a configuration set's name.
const SET_NAME_BYTES_MAX: usize = 64;
/// Firehose: 64 for a delivery stream's name.
const STREAM_NAME_BYTES_MAX: usize = 64;
const URL_PATH_BYTES_MAX: usize = 512;
const LOG_LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "off"];

/// User text for a message: escaped, and cut after 40 characters.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", printable(text, 40))
}

/// A duration as an operator would write it.
pub(super) fn duration(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

pub(super) fn parse_duration(
    text: &str,
    least: Duration,
    most: Duration,
) -> Result<Duration, Fault> {
    let Ok(time) = humantime::parse_duration(text.trim()) else {
        let what = format!("{} is not a duration", quoted(text));
        return Err((
            what,
            "write a number with a unit, such as \"500ms\", \"10s\" or \"2m\"".into(),
        ));
    };
    if time < least || time > most {
        let (least, most) = (duration(least), duration(most));
        let what = format!("{} is outside {least} to {most}", quoted(text));
        return Err((what, "choose a duration between them".into()));
    }
    Ok(time)
}

pub(super) fn parse_address(text: &str) -> Result<SocketAddr, Fault> {
    text.trim().parse().map_err(|_| {
        let what = format!("{} is not an address", quoted(text));
        (what, "write an IP address and a port, such as \"127.0.0.1:8127\"".into())
    })
}

/// Like [`parse_address`]; an empty text is `None`.
pub(super) fn optional_address(text: &str) -> Result<Option<SocketAddr>, Fault> {
    if text.trim().is_empty() { Ok(None) } else { parse_address(text.trim()).map(Some) }
}

pub(super) fn definitions(text: &str) -> Result<Option<DefinitionsSource>, Fault> {
    const FIX: &str = "write the path of a file, \"s3://BUCKET/KEY\" for an object, or \"env:NAME\" \
                        for a variable that holds the document";
    if text.trim().is_empty() {
        return Ok(None);
    }
    if let Some(object) = text.strip_prefix("s3://") {
        return match object.split_once('/') {
            Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
                let (bucket, key) = (bucket.to_owned(), key.to_owned());
                Ok(Some(DefinitionsSource::S3 { bucket, key }))
            }
            _ => Err((format!("{} is not a valid S3 location", quoted(text)), FIX.into())),
        };
    }
    if text.trim_start().starts_with(['{', '[']) {
        return Err(("this is a document, not its location".into(), FIX.into()));
    }
    if text.contains('\0') {
        return Err((format!("{} is not a path", quoted(text)), FIX.into()));
    }
    let Some(name) = text.strip_prefix("env:") else {
        return Ok(Some(DefinitionsSource::Path(PathBuf::from(text))));
    };
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        let what = format!("{} is not a valid variable name", quoted(name));
        return Err((what, "write letters, digits and `_` after `env:`".into()));
    }
    Ok(Some(DefinitionsSource::Env(name.to_owned())))
}

/// `*` is the set for events of every set that is not listed.
pub(super) fn configuration_set(text: &str) -> Result<Option<String>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let is_name = text.len() <= SET_NAME_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if !is_name && text != "*" {
        let what = format!("{} is not a valid configuration set name", quoted(text));
        return Err((what, "write 1 to 64 letters, digits, `_` and `-`".into()));
    }
    Ok(Some(text.to_owned()))
}

/// Allows the characters that the router matches literally.
pub(super) fn url_path(text: &str) -> Result<String, Fault> {
    if !text.starts_with('/') {
        let what = format!("{} does not start with `/`", quoted(text));
        return Err((what, "write a path such as \"/firehose\"".into()));
    }
    if text.len() > URL_PATH_BYTES_MAX {
        let what = format!("the path is longer than {URL_PATH_BYTES_MAX} bytes");
        return Err((what, "write a shorter path".into()));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    if !text.bytes().all(allowed) {
        let what = format!("{} is not a valid URL path", quoted(text));
        return Err((what, "use only letters, digits and `/ - . _ ~`".into()));
    }
    if matches!(text, "/livez" | "/readyz") {
        let what = format!("{} is the path of a health check", quoted(text));
        return Err((what, "choose another path, such as \"/firehose\"".into()));
    }
    Ok(text.to_owned())
}

pub(super) fn namespace(text: &str) -> Result<String, Fault> {
    namespace_fault(text).map_or_else(|| Ok(text.to_owned()), Err)
}

pub(super) fn own_namespace(text: &str) -> Result<Option<String>, Fault> {
    if text.is_empty() { Ok(None) } else { namespace(text).map(Some) }
}

/// An empty text is `None`; any other text can be a path.
pub(super) fn directory(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| text.into())
}

pub(super) fn stream_name(text: &str) -> Result<Option<String>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if text.len() > STREAM_NAME_BYTES_MAX || !text.bytes().all(allowed) {
        let what = format!("{} is not a valid delivery stream name", quoted(text));
        return Err((
            what,
            "write the name, not the ARN: 1 to 64 letters, digits, `_`, `.` and `-`".into(),
        ));
    }
    Ok(Some(text.to_owned()))
}

/// A `source` of events on EventBridge.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html>,
/// 2026-11-22.
pub(super) fn event_source(text: &str) -> Result<String, Fault> {
    let is_sound =
        (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_sound || text.starts_with("aws.") {
        let what = format!("{} is not a valid event source", quoted(text));
        let fix = "write 1 to 256 printable characters that do not start with `aws.`, such as \
                   \"postmeter.ses\"";
        return Err((what, fix.into()));
    }
    Ok(text.to_owned())
}

/// The URL of a queue, as SQS returns it: a scheme, a host, an account and a name.
pub(super) fn queue_url(text: &str) -> Result<String, Fault> {
    let fix = "write https://sqs.REGION.amazonaws.com/ACCOUNT/NAME, as \
                `aws sqs get-queue-url` prints it";
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let parts: Vec<&str> = rest.unwrap_or_default().split('/').collect();
    let is_sound = parts.len() >= 2
        && parts.iter().all(|part| !part.is_empty())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_sound {
        Ok(text.to_owned())
    } else {
        Err((format!("{} is not a valid queue URL", quoted(text)), fix.to_owned()))
    }
}

pub(super) fn unread(text: &str) -> Result<Unread, Fault> {
    let found = Unread::ALL.into_iter().find(|unread| unread.word() == text);
    found.ok_or_else(|| {
        let words = Unread::ALL.map(|unread| format!("\"{}\"", unread.word()));
        (format!("{} is not a choice", quoted(text)), format!("write {}", words.join(" or ")))
    })
}

pub(super) fn signature_version(text: &str) -> Result<SignatureVersion, Fault> {
    match text {
        "1" => Ok(SignatureVersion::One),
        "2" => Ok(SignatureVersion::Two),
        _ => Err((
            format!("{} is not an SNS signature version", quoted(text)),
            "write 1 (SHA-1) or 2 (SHA-256)".into(),
        )),
    }
}

/// The name of a bucket, or another identifier by which a notification can name one, such as an
/// ARN.
pub(super) fn bucket(text: &str) -> Result<String, Fault> {
    let is_sound = (1..=ARN_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_sound {
        return Ok(text.to_owned());
    }
    let what = format!("{} is not a valid bucket name", quoted(text));
    Err((what, "write only the name, such as \"mail-events\"".into()))
}

pub(super) fn bucket_owner(text: &str) -> Result<BucketOwner, Fault> {
    match text {
        "" => Ok(BucketOwner::OfQueue),
        "any" => Ok(BucketOwner::Any),
        _ if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(BucketOwner::Account(text.to_owned()))
        }
        _ => Err((
            format!("{} is not a valid account", quoted(text)),
            "write the 12 digits of an account, \"any\", or leave it empty for the queue's account"
                .into(),
        )),
    }
}

pub(super) fn region(text: &str) -> Result<Option<String>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.len() > 32 || !text.contains('-') || !text.bytes().all(allowed) {
        let what = format!("{} is not a valid region", quoted(text));
        return Err((
            what,
            "write a region such as \"eu-west-1\", or leave it empty for the SDK's region".into(),
        ));
    }
    Ok(Some(text.to_owned()))
}

pub(super) fn role_arn(text: &str) -> Result<Option<String>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() <= ARN_BYTES_MAX && is_role_arn(text) {
        return Ok(Some(text.to_owned()));
    }
    let what = format!("{} is not a valid IAM role ARN", quoted(text));
    Err((what, "write an ARN such as \"arn:aws:iam::123456789012:role/name\"".into()))
}

/// `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`.
fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts[..] else {
        return false;
    };
    let Some(name) = resource.strip_prefix("role/") else {
        return false;
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte);
    partition.starts_with("aws")
        && partition.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && !name.is_empty()
        && !name.ends_with('/')
        && name.bytes().all(allowed)
}

/// The log library parses a misspelt level as a module name and then logs everything of that
/// module, so a single word must be a level here.
pub(super) fn log_filter(text: &str) -> Result<String, Fault> {
    let fix =
        format!("write {} or a filter such as \"warn,postmeter=debug\"", LOG_LEVELS.join(", "));
    for directive in text.split(',').map(str::trim) {
        let (target, level) = directive.rsplit_once('=').unwrap_or(("-", directive));
        let known = LOG_LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level));
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-:".contains(c);
        if !known {
            return Err((format!("{} is not a log level", quoted(level)), fix));
        }
        if target.is_empty() || !target.chars().all(plain) {
            return Err((format!("{} is not a valid module name", quoted(target)), fix));
        }
    }
    Ok(text.to_owned())
}

/// The fault describes only the shape of the key, never its content.
pub(super) fn access_key(text: &str) -> Result<AccessKey, Fault> {
    if text.is_empty() {
        return Err(("the key is empty".into(), "write a key, or remove it from the list".into()));
    }
    if text.len() > ACCESS_KEY_BYTES_MAX {
        let what = format!("the key is longer than {ACCESS_KEY_BYTES_MAX} bytes");
        return Err((what, "write a shorter key; Firehose does not send longer ones".into()));
    }
    if !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        let what = "the key contains a character that is not printable ASCII".into();
        return Err((what, "use letters, digits and punctuation".into()));
    }
    // HTTP strips spaces around a header value, so such a key would never match.
    if text.trim() != text {
        return Err(("the key starts or ends with a space".into(), "remove the space".into()));
    }
    Ok(AccessKey::new(text))
}

/// A bearer token as in <https://www.rfc-editor.org/rfc/rfc6750#section-2.1>. The fault describes
/// only its shape, never its content.
pub(super) fn admin_token(text: &str) -> Result<Option<AccessKey>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let is_valid = (ACCESS_KEY_BYTES_WEAK..=ACCESS_KEY_BYTES_MAX).contains(&text.len())
        && text.bytes().all(allowed);
    if !is_valid {
        let fix = format!(
            "write {ACCESS_KEY_BYTES_WEAK} to {ACCESS_KEY_BYTES_MAX} letters, digits and `- . _ ~ \
             + / =`, for example the output of `openssl rand -hex 32`"
        );
        return Err(("this is not a valid token".into(), fix));
    }
    Ok(Some(AccessKey::new(text)))
}

/// As in `user:password@` of a URL. The fault describes only its shape, never its content.
pub(super) fn credential(text: &str) -> Result<AccessKey, Fault> {
    let fix = "write `user:password` in printable ASCII";
    let is_sound = text.split_once(':').is_some_and(|(user, password)| {
        !user.is_empty() && !password.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
    });
    if !is_sound || text.len() > ACCESS_KEY_BYTES_MAX {
        return Err(("this is not a valid user and password".into(), fix.into()));
    }
    Ok(AccessKey::new(text))
}

/// An access key as the AWS CLI uses it. The fault describes only its shape, never its content.
pub(super) fn api_key(text: &str) -> Result<ApiKey, Fault> {
    let fix = "write `id:secret`, with an id of 4 to 128 characters (A-Z a-z 0-9 _) and a secret \
               of 16 to 256 printable characters without spaces";
    let key = text.split_once(':').filter(|(id, secret)| {
        (4..=128).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && (16..=256).contains(&secret.len())
            && secret.bytes().all(|byte| byte.is_ascii_graphic())
    });
    let (id, secret) = key.ok_or_else(|| ("this is not a valid access key".into(), fix.into()))?;
    Ok(ApiKey { id: id.to_owned(), secret: AccessKey::new(secret) })
}

pub(super) fn topic_arn(text: &str) -> Result<TopicArn, Fault> {
    TopicArn::parse(text).ok_or_else(|| {
        let what = format!("{} is not a valid topic ARN", quoted(text));
        (what, "write an ARN such as \"arn:aws:sns:eu-west-1:123456789012:ses-events\"".into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_short_and_has_no_control_characters() {
        assert_eq!(quoted("a\nb\u{1b}"), r"`a\nb\u{1b}`");
        assert_eq!(quoted(&"ä".repeat(41)), format!("`{}…`", "ä".repeat(40)));
        assert_eq!(quoted(&"a".repeat(40)), format!("`{}`", "a".repeat(40)));
    }

    #[test]
    fn definitions_are_a_path_an_object_or_the_name_of_a_variable() {
        assert_eq!(definitions(""), Ok(None));
        assert_eq!(definitions("a/b.json"), Ok(Some(DefinitionsSource::Path("a/b.json".into()))));
        assert_eq!(definitions("env:DEFS_1"), Ok(Some(DefinitionsSource::Env("DEFS_1".into()))));
        let (bucket, key) = ("b".to_owned(), "k/l.json".to_owned());
        assert_eq!(definitions("s3://b/k/l.json"), Ok(Some(DefinitionsSource::S3 { bucket, key })));
        for wrong in ["env:", "env:1A", "env:A B", "env:A=B", "s3://bucket", "{}", "a\0b"] {
            assert!(definitions(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_role_has_partition_account_and_name() {
        for right in [
            "arn:aws:iam::123456789012:role/a",
            "arn:aws-us-gov:iam::123456789012:role/path/name_+=,.@-",
            "arn:aws-cn:iam::123456789012:role/x",
        ] {
            assert_eq!(role_arn(right), Ok(Some(right.to_owned())));
        }
        for wrong in [
            "role/a",
            "arn:aws:iam::12345678901:role/a",
            "arn:aws:iam::123456789012:user/a",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/a/",
            "arn:aws:sts::123456789012:role/a",
            "arn:aws:iam:eu-west-1:123456789012:role/a",
            "arn:gcp:iam::123456789012:role/a",
            "arn:aws:iam::123456789012:role/a b",
        ] {
            assert!(role_arn(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_path_has_no_pattern_and_hides_no_health_check() {
        assert_eq!(url_path("/a/b-c.d"), Ok("/a/b-c.d".into()));
        for wrong in ["", "firehose", "/livez", "/readyz", "/a b", "/{a}", "/a?b", "/:a", "/*a"] {
            assert!(url_path(wrong).is_err(), "{wrong}");
        }
        assert!(url_path(&format!("/{}", "a".repeat(512))).is_err());
    }

    #[test]
    fn a_log_filter_names_levels() {
        for right in ["info", "INFO", "off", "warn,postmeter=debug", "info, hyper::client=trace"] {
            assert_eq!(log_filter(right), Ok(right.to_owned()));
        }
        for wrong in ["", "inof", "hyper", "postmeter=loud", "=info", "info,,warn", "a b=info"] {
            assert!(log_filter(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_of_sets_and_regions_have_their_characters() {
        assert_eq!(configuration_set("*"), Ok(Some("*".into())));
        assert_eq!(configuration_set("prod_1-a"), Ok(Some("prod_1-a".into())));
        assert!(configuration_set("a b").is_err());
        assert!(configuration_set(&"a".repeat(65)).is_err());
        assert_eq!(region("us-gov-west-1"), Ok(Some("us-gov-west-1".into())));
        assert!(region("Ireland").is_err());
        assert!(region("https://eu-west-1").is_err());
    }

    #[test]
    fn a_stream_has_a_name_and_no_arn() {
        assert_eq!(stream_name(""), Ok(None));
        assert_eq!(stream_name("a_b.C-9"), Ok(Some("a_b.C-9".into())));
        let arn = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/a";
        for wrong in [arn, "a b", "ä", &"a".repeat(65)] {
            assert!(stream_name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_topic_has_partition_region_account_and_name() {
        for (right, partition, region) in [
            ("arn:aws:sns:eu-west-1:123456789012:ses-events_1", "aws", "eu-west-1"),
            ("arn:aws-cn:sns:cn-north-1:123456789012:a", "aws-cn", "cn-north-1"),
            ("arn:aws-us-gov:sns:us-gov-west-1:123456789012:a", "aws-us-gov", "us-gov-west-1"),
        ] {
            let topic = topic_arn(right).unwrap();
            assert_eq!(topic.as_str(), right);
            assert_eq!((topic.partition(), topic.region()), (partition, region));
        }
        for wrong in [
            "",
            "ses-events",
            "arn:aws:sns:eu-west-1:123456789012:",
            "arn:aws:sns:eu-west-1:12345678901:a",
            "arn:aws:sns::123456789012:a",
            "arn:aws:sns:eu-west-1.evil.example/:123456789012:a",
            "arn:aws:sqs:eu-west-1:123456789012:a",
            "arn:evil:sns:eu-west-1:123456789012:a",
            "arn:aws:sns:eu-west-1:123456789012:a.fifo",
            "arn:aws:sns:eu-west-1:123456789012:a:subscription",
            "arn:aws:sns:eu-west-1:123456789012:a\n",
            " arn:aws:sns:eu-west-1:123456789012:a",
        ] {
            assert!(topic_arn(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn credentials_have_user_and_password() {
        for right in ["a:b", "sns:p:w", "a:~!@#"] {
            assert_eq!(credential(right).unwrap().as_bytes(), right.as_bytes());
        }
        for wrong in ["", "a", ":b", "a:", "a b:c", "ä:b", "a:b\n"] {
            assert!(credential(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_api_key_has_id_and_secret() {
        let key = api_key("AKIA_1:0123456789:/+=ab").expect("a key");
        assert_eq!((key.id.as_str(), key.secret.as_bytes()), ("AKIA_1", &b"0123456789:/+=ab"[..]));
        for wrong in ["", "AKIA1", "AKI:0123456789abcdef", "AK A:0123456789abcdef", "AKIA:short"] {
            let (what, _) = api_key(wrong).expect_err("no key");
            assert_eq!(what, "this is not a valid access key");
        }
    }

    #[test]
    fn an_access_key_is_printable_and_has_an_end() {
        for right in ["k".to_owned(), "a b,c".to_owned(), "~".repeat(4096)] {
            assert_eq!(access_key(&right).unwrap().as_bytes(), right.as_bytes());
        }
        for wrong in ["", " ", "a ", " a", "ä", "a\tb", "a\n"] {
            assert!(access_key(wrong).is_err(), "{wrong:?}");
        }
        assert!(access_key(&"~".repeat(4097)).is_err());
    }
}
