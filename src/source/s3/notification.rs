//! The notification that S3 sends when an object is created: directly, through SNS, or through
//! `EventBridge`.

use memchr::memmem;
use percent_encoding::percent_decode;
use serde::Deserialize;

use crate::ack::{RequestId, SourceKind};
use crate::printable::shown;
use crate::source::json_object::read_object;

/// A version of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Object {
    pub bucket: String,
    pub key: String,
    /// In a bucket with versioning.
    pub version: Option<String>,
    /// The hash of its content, without quotes.
    pub etag: Option<String>,
    /// Orders the changes of an object; it differs for each write.
    pub sequencer: Option<String>,
    /// The bucket's region, as given by the notification: a region name, or any other text.
    pub region: Option<String>,
}

/// The content of an S3 notification.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Notification {
    /// Created objects. Empty for the message with which S3 tests a queue.
    pub objects: Vec<Object>,
    /// Other changes, such as deletions.
    pub others: u64,
}

/// All formats at once; the fields that are present tell which one it is.
#[derive(Deserialize)]
struct NotificationMessage {
    #[serde(rename = "Records")]
    records: Option<Vec<NotificationRecord>>,
    #[serde(rename = "Event")]
    event: Option<String>,
    /// In an SNS envelope.
    #[serde(rename = "Message")]
    inner: Option<String>,
    /// Of an `EventBridge` envelope.
    source: Option<String>,
    region: Option<String>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    detail: Option<NotificationDetail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NotificationRecord {
    event_source: String,
    event_name: String,
    aws_region: Option<String>,
    s3: NotificationDetail,
}

#[derive(Deserialize)]
struct NotificationDetail {
    bucket: Bucket,
    object: NamedObject,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct NamedObject {
    key: String,
    #[serde(rename = "versionId", alias = "version-id")]
    version: Option<String>,
    #[serde(rename = "eTag", alias = "etag")]
    etag: Option<String>,
    sequencer: Option<String>,
}

/// Sources of records: S3, `MinIO` and Ceph.
const SOURCES: [&str; 3] = ["aws:s3", "minio:s3", CEPH];
/// Ceph writes keys as they are; the others encode them.
const CEPH: &str = "ceph:s3";

/// Every S3 notification contains one of these.
const MARKS: [&str; 5] = ["aws:s3", "aws.s3", "s3:TestEvent", "minio:s3", CEPH];

// === impl Notification ===

impl Notification {
    /// `None` for any other message.
    #[must_use]
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        Self::read_at(body, 0)
    }

    fn read_at(body: &[u8], level: u8) -> Option<Self> {
        // Most messages are events, and this check avoids parsing them twice.
        if !MARKS.iter().any(|mark| memmem::find(body, mark.as_bytes()).is_some()) {
            return None;
        }
        let message: NotificationMessage = read_object(body)?;
        if let Some(inner) = message.inner.filter(|_| level == 0) {
            return Self::read_at(inner.as_bytes(), 1);
        }
        if message.event.as_deref() == Some("s3:TestEvent") {
            return Some(Self::default());
        }
        let mut notification = Self::default();
        if let Some(records) = message.records {
            let is_of_s3 =
                |record: &NotificationRecord| SOURCES.contains(&record.event_source.as_str());
            if records.is_empty() || !records.iter().all(is_of_s3) {
                return None;
            }
            for NotificationRecord { event_source, event_name, aws_region, s3 } in records {
                let key = if event_source == CEPH {
                    s3.object.key.clone()
                } else {
                    // Form encoding: a space is a plus.
                    let key = s3.object.key.replace('+', " ");
                    percent_decode(key.as_bytes()).decode_utf8_lossy().into_owned()
                };
                let name = event_name.strip_prefix("s3:").unwrap_or(&event_name);
                let kind = name.split(':').next();
                notification.add(kind == Some("ObjectCreated"), s3, key, aws_region);
            }
            return Some(notification);
        }
        let detail = message.detail.filter(|_| message.source.as_deref() == Some("aws.s3"))?;
        let key = detail.object.key.clone();
        let is_made = message.detail_type.as_deref() == Some("Object Created");
        notification.add(is_made, detail, key, message.region);
        Some(notification)
    }

    fn add(&mut self, is_made: bool, of: NotificationDetail, key: String, region: Option<String>) {
        if !is_made {
            self.others += 1;
            return;
        }
        let NamedObject { version, etag, sequencer, .. } = of.object;
        let etag = etag.map(|etag| etag.trim_matches('"').to_owned());
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        self.objects.push(Object {
            bucket: of.bucket.name,
            key,
            version: some(version),
            etag: some(etag),
            sequencer: some(sequencer),
            region: some(region),
        });
    }
}

// === impl Object ===

impl Object {
    /// `s3://bucket/key`.
    #[must_use]
    pub(crate) fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    /// As [`Object::url`], escaped and shortened for logs and messages.
    #[must_use]
    pub(crate) fn shown(&self) -> String {
        shown(&self.url())
    }

    /// The version, or its substitute.
    #[must_use]
    pub(crate) fn version(&self) -> Option<&str> {
        self.version.as_deref().or(self.etag.as_deref()).or(self.sequencer.as_deref())
    }

    /// The identity: bucket, key and version; without a version the content's hash, and without
    /// that the sequencer.
    #[must_use]
    pub(crate) fn id(&self) -> RequestId {
        // In a bucket with suspended versioning, every object has this version.
        let version = self.version.as_deref().filter(|version| *version != "null");
        let (kind, text) = match (version, &self.etag, &self.sequencer) {
            (Some(version), _, _) => ("version", version),
            (None, Some(etag), _) => ("etag", etag.as_str()),
            (None, None, Some(sequencer)) => ("sequencer", sequencer.as_str()),
            (None, None, None) => ("", ""),
        };
        // A configured ARN may contain slashes, as keys may.
        let place = format!("{}:{}/{}", self.bucket.len(), self.bucket, self.key);
        RequestId::new(SourceKind::S3, place.as_bytes(), format!("{kind}:{text}").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(event: &str, key: &str, more: &str) -> String {
        format!(
            r#"{{"eventVersion":"2.6","eventSource":"aws:s3","eventName":"{event}","awsRegion":"eu-west-1",
            "s3":{{"s3SchemaVersion":"1.0","bucket":{{"name":"mail","arn":"arn:aws:s3:::mail"}},
            "object":{{"key":"{key}","size":7{more},"sequencer":"0055"}}}}}}"#
        )
    }

    fn object(key: &str, version: Option<&str>, etag: Option<&str>) -> Object {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Object {
            bucket: "mail".to_owned(),
            key: key.to_owned(),
            version: owned(version),
            etag: owned(etag),
            sequencer: Some("0055".to_owned()),
            region: Some("eu-west-1".to_owned()),
        }
    }

    #[test]
    fn objects_are_named_by_s3_itself_and_through_sns_and_eventbridge() {
        let two = format!(
            r#"{{"Records":[{},{}]}}"#,
            record(
                "ObjectCreated:Put",
                "2026/11/a+b%2Bc%C3%A9.gz",
                r#","eTag":"e1","versionId":"v1""#
            ),
            record("ObjectCreated:CompleteMultipartUpload", "plain", r#","eTag":"e2""#),
        );
        let expected = Notification {
            objects: vec![
                object("2026/11/a b+c\u{e9}.gz", Some("v1"), Some("e1")),
                object("plain", None, Some("e2")),
            ],
            others: 0,
        };
        assert_eq!(Notification::read(two.as_bytes()), Some(expected));

        let text = serde_json::to_string(&two).expect("text");
        let sns =
            format!(r#"{{"Type":"Notification","TopicArn":"arn:aws:sns:a:1:t","Message":{text}}}"#);
        assert_eq!(Notification::read(sns.as_bytes()).map(|read| read.objects.len()), Some(2));

        let event = r#"{"version":"0","detail-type":"Object Created","source":"aws.s3","detail":{"version":"0",
            "bucket":{"name":"mail"},"object":{"key":"a+b","size":1,"etag":"e","version-id":"v","sequencer":"0055"}},
            "region":"eu-west-1"}"#;
        let read = Notification::read(event.as_bytes()).expect("it is one");
        // Not encoded by Ceph.
        assert_eq!(read.objects, [object("a+b", Some("v"), Some("e"))]);
    }

    /// In the formats of `MinIO` (`cmd/event-notification.go`) and Ceph (`rgw_pubsub.cc`).
    #[test]
    fn objects_are_named_by_minio_and_ceph_too() {
        let minio = r#"{"EventName":"s3:ObjectCreated:Put","Key":"mail/a b+c","Records":[{
            "eventVersion":"2.0","eventSource":"minio:s3","awsRegion":"","eventName":"s3:ObjectCreated:Put",
            "s3":{"s3SchemaVersion":"1.0","bucket":{"name":"mail","arn":"arn:aws:s3:::mail"},
            "object":{"key":"a+b%2Bc","size":7,"eTag":"e","sequencer":"0055"}},"source":{"host":"10.0.0.1"}}]}"#;
        let read = Notification::read(minio.as_bytes()).expect("it is one");
        let expected = Object { region: None, ..object("a b+c", None, Some("e")) };
        assert_eq!(read.objects, [expected]);

        let ceph = r#"{"Records":[{"eventVersion":"2.2","eventSource":"ceph:s3","awsRegion":"zonegroup1",
            "eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"mail","id":"5332.38"},
            "object":{"key":"a+b%20c","size":"7","etag":"","versionId":"","sequencer":"0055","tags":[]}}}]}"#;
        let read = Notification::read(ceph.as_bytes()).expect("it is one");
        let region = Some("zonegroup1".to_owned());
        assert_eq!(read.objects, [Object { region, ..object("a+b%20c", None, None) }]);
        for event in ["s3:ObjectCreated:Put", "ObjectCreated"] {
            let old = ceph.replace("ObjectCreated:Put", event);
            assert_eq!(Notification::read(old.as_bytes()).map(|read| read.objects.len()), Some(1));
        }
        let removed = ceph.replace("ObjectCreated:Put", "ObjectRemoved:Delete");
        assert_eq!(Notification::read(removed.as_bytes()).map(|read| read.others), Some(1));
    }

    #[test]
    fn tests_and_deletions_name_no_objects() {
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-20T12:00:00.000Z","Bucket":"mail"}"#;
        assert_eq!(Notification::read(test.as_bytes()), Some(Notification::default()));
        let removed = format!(r#"{{"Records":[{}]}}"#, record("ObjectRemoved:Delete", "a", ""));
        let read = Notification::read(removed.as_bytes());
        assert_eq!(read, Some(Notification { objects: Vec::new(), others: 1 }));
    }

    #[test]
    fn events_that_mention_s3_are_not_notifications() {
        for body in [
            r#"{"eventType":"Send","mail":{"headers":[{"name":"X","value":"aws:s3"}]}}"#,
            r#"{"Records":[{"eventSource":"aws:sqs","body":"aws:s3"}]}"#,
            r#"{"Records":[],"x":"aws:s3"}"#,
            r#"{"source":"aws.ses","detail":{"x":"aws.s3"}}"#,
            r#"{"Message":"aws:s3"}"#,
            "aws:s3",
            "[\"aws:s3\"]",
            // What a derived reader would take for the fields in their order.
            &format!("[[{}],{}null]", record("ObjectCreated:Put", "a", ""), "null,".repeat(5)),
        ] {
            assert_eq!(Notification::read(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn object_id_depends_on_the_version() {
        let of = |key, version, etag| object(key, version, etag).id();
        assert_eq!(of("a", Some("v"), Some("e")), of("a", Some("v"), None));
        assert_ne!(of("a", Some("v"), None), of("a", Some("w"), None));
        assert_ne!(of("a", None, Some("e")), of("a", None, Some("f")));
        assert_ne!(of("a", None, Some("e")), of("b", None, Some("e")));
        assert_ne!(of("a", Some("e"), None), of("a", None, Some("e")));
        assert_ne!(of("a", Some("null"), Some("e")), of("a", Some("null"), Some("f")));
        let written = |sequencer: &str| {
            Object { sequencer: Some(sequencer.to_owned()), ..object("a", None, None) }.id()
        };
        assert_eq!(written("1"), written("1"));
        assert_ne!(written("1"), written("2"));
        let in_bucket =
            |bucket: &str, key| Object { bucket: bucket.into(), ..object(key, None, None) };
        assert_ne!(in_bucket("a/b", "c").id(), in_bucket("a", "b/c").id());
    }
}
