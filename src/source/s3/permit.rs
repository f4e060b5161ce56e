//! Decides which objects the messages of a queue may name.
//!
//! Anyone who can write to the queue chooses bucket and key, and the task's role may be able to
//! read more than intended. So an object's name is checked before any request to S3.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>, 2026-11-29.

use std::net::Ipv4Addr;

use super::notification::{Notification, Object};

/// Maximum number of objects in one message. S3 itself names one; this limit is postmeter's.
const OBJECTS_MAX: usize = 1000;
/// Maximum size of a key. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>,
/// 2026-11-29.
const KEY_BYTES_MAX: usize = 1024;
/// Maximum size of a version, `ETag` or sequencer: S3 allows versions of 1024 bytes.
const VERSION_BYTES_MAX: usize = 1024;

/// General purpose buckets have no names that start or end like this. Other kinds of bucket do, and
/// access points, which can lead to buckets of any account.
const RESERVED_PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
const RESERVED_SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

/// The objects that a queue's messages may name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Permit {
    /// If empty, any bucket with a plain name.
    buckets: Vec<String>,
}

/// Why the objects of a message are not read. Always permanent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ForbiddenObject {
    #[error("{object} is in a bucket that is not listed in sqs.buckets")]
    NotListed { object: String },
    #[error(
        "{object} is not in a bucket with a plain name; ARNs, access points and other kinds of \
         bucket must be listed in sqs.buckets"
    )]
    NotPlain { object: String },
    #[error("{object} has an invalid key or version")]
    Name { object: String },
    #[error("the message names {objects} objects, more than {OBJECTS_MAX}")]
    TooMany { objects: usize },
}

// === impl Permit ===

impl Permit {
    #[must_use]
    pub(crate) fn new(buckets: Vec<String>) -> Self {
        Self { buckets }
    }

    /// Checks all objects that a message names.
    ///
    /// # Errors
    /// One of them is forbidden, so none may be read.
    pub(crate) fn check(&self, notification: &Notification) -> Result<(), ForbiddenObject> {
        let objects = &notification.objects;
        if objects.len() > OBJECTS_MAX {
            return Err(ForbiddenObject::TooMany { objects: objects.len() });
        }
        objects.iter().try_for_each(|object| self.check_one(object))
    }

    fn check_one(&self, object: &Object) -> Result<(), ForbiddenObject> {
        let shown = || object.shown();
        let is_listed = self.buckets.contains(&object.bucket);
        if !is_listed && !self.buckets.is_empty() {
            return Err(ForbiddenObject::NotListed { object: shown() });
        }
        if !is_listed && !is_plain(&object.bucket) {
            return Err(ForbiddenObject::NotPlain { object: shown() });
        }
        let texts = [&object.version, &object.etag, &object.sequencer];
        let is_sound = (1..=KEY_BYTES_MAX).contains(&object.key.len())
            && texts.into_iter().flatten().all(|text| text.len() <= VERSION_BYTES_MAX);
        if is_sound { Ok(()) } else { Err(ForbiddenObject::Name { object: shown() }) }
    }
}

/// Whether a text is the name of a general purpose bucket.
fn is_plain(name: &str) -> bool {
    let is_end = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_inside = |byte: u8| is_end(byte) || matches!(byte, b'.' | b'-');
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().copied().all(is_inside)
        && [bytes[0], bytes[bytes.len() - 1]].into_iter().all(is_end)
        && !name.contains("..")
        && name.parse::<Ipv4Addr>().is_err()
        && !RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        && !RESERVED_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming(bucket: &str, key: &str) -> Notification {
        let object = Object { bucket: bucket.into(), key: key.into(), ..Object::default() };
        Notification { objects: vec![object], others: 0 }
    }

    #[test]
    fn only_plain_names_are_read_unless_buckets_are_listed() {
        let any = Permit::default();
        for name in ["mail", "mail-events.eu-west-1", "123", &"a".repeat(63)] {
            assert_eq!(any.check(&naming(name, "a")), Ok(()), "{name}");
        }
        for name in [
            "",
            "ab",
            &"a".repeat(64),
            "arn:aws:s3:::mail",
            "arn:aws:s3:eu-west-1:123456789012:accesspoint/mine",
            "arn:aws:s3::123456789012:accesspoint/a.mrap",
            "tenant:mail",
            "mail/../other",
            "Mail",
            "ma_il",
            "mail.",
            "-mail",
            "ma..il",
            "192.168.5.4",
            "mine-abcdef-s3alias",
            "mine--ol-s3",
            "mine.mrap",
            "mine--usw2-az1--x-s3",
            "mine--table-s3",
            "xn--mail",
            "sthree-mail",
            "ma\nil",
            "m\u{e4}il",
        ] {
            let why = any.check(&naming(name, "a"));
            assert!(matches!(why, Err(ForbiddenObject::NotPlain { .. })), "{name:?}: {why:?}");
        }
        let arn = "arn:aws:s3:eu-west-1:123456789012:accesspoint/mine";
        let listed = Permit::new(vec!["mail".into(), arn.into()]);
        assert_eq!(listed.check(&naming("mail", "a")), Ok(()));
        assert_eq!(listed.check(&naming(arn, "a")), Ok(()));
        for name in ["mail2", "mine--ol-s3", "arn:aws:s3:::mail"] {
            let why = listed.check(&naming(name, "a"));
            assert!(matches!(why, Err(ForbiddenObject::NotListed { .. })), "{name}: {why:?}");
        }
    }

    #[test]
    fn names_that_s3_does_not_allow_are_rejected_and_shown_shortened() {
        let any = Permit::default();
        assert_eq!(any.check(&naming("mail", &"k".repeat(1024))), Ok(()));
        for key in ["", &"k".repeat(1025), &"\u{1b}".repeat(1 << 20)] {
            let why = any.check(&naming("mail", key)).expect_err("it is refused");
            assert!(matches!(why, ForbiddenObject::Name { .. }));
            let text = why.to_string();
            assert!(text.len() < 2500 && !text.contains('\u{1b}'), "{text}");
        }
        let mut many = naming("mail", "a");
        many.objects = vec![many.objects[0].clone(); OBJECTS_MAX + 1];
        assert_eq!(any.check(&many), Err(ForbiddenObject::TooMany { objects: OBJECTS_MAX + 1 }));
    }
}
