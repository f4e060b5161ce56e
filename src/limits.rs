//! Limits that AWS sets, each with its source. Read on 2026-11-21.

use std::time::Duration;

/// Datums in one `PutMetricData` request.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>
pub const DATUMS_PER_CALL_MAX: usize = 1000;

/// Bytes of one `PutMetricData` request: 1 MB. The page does not say whether that is before or
/// after gzip; like the CloudWatch agent, postmeter limits the uncompressed size.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>
pub const CALL_BYTES_MAX: usize = 1_000_000;

/// Dimensions of one datum.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>
pub(crate) const DIMENSIONS_PER_DATUM_MAX: usize = 30;

/// Values of one datum.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>
pub(crate) const VALUES_PER_DATUM_MAX: usize = 150;

/// Characters of a namespace, of a metric's name, and of a dimension's name.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>
pub(crate) const METRIC_NAME_CHARS_MAX: usize = 255;

/// Characters of a dimension's value.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html>
pub(crate) const DIMENSION_VALUE_CHARS_MAX: usize = 1024;

/// How far back a datum's timestamp may lie: two weeks.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>
pub(crate) const DATUM_AGE_MAX: Duration = Duration::from_hours(336);

/// How far ahead a datum's timestamp may lie: two hours.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>
pub(crate) const DATUM_AHEAD_MAX: Duration = Duration::from_hours(2);

/// `errorMessage` of a response to Firehose: 8192 characters.
/// <https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html>
pub(crate) const FIREHOSE_ERROR_CHARS_MAX: usize = 8192;

/// How long a Firehose stream retries a request at most (7200 s), plus time for the last retry to
/// arrive.
/// <https://docs.aws.amazon.com/firehose/latest/APIReference/API_HttpEndpointRetryOptions.html>
pub(crate) const FIREHOSE_ID_LIFE: Duration = Duration::from_mins(130);

/// Records in one `PutRecordBatch` request.
/// <https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html>
pub const FIREHOSE_CALL_RECORDS_MAX: usize = 500;

/// Bytes of one `PutRecordBatch` request: "4 MB for the entire request".
/// <https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html>
pub const FIREHOSE_CALL_BYTES_MAX: usize = 4_000_000;

/// Bytes of one record before base64: 1,000 KiB.
/// <https://docs.aws.amazon.com/firehose/latest/APIReference/API_Record.html>
pub const FIREHOSE_RECORD_BYTES_MAX: usize = 1_024_000;

/// Entries in one `PublishBatch` request.
/// <https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html>
pub const SNS_CALL_ENTRIES_MAX: usize = 10;

/// Bytes of one `PublishBatch` request to a topic with the default maximum: 256 KiB. A longer event
/// goes alone. <https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html>
pub const SNS_CALL_BYTES_MAX: usize = 256 << 10;

/// Bytes of one message, for a topic with the highest maximum: 1 MiB.
/// <https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html>
pub(crate) const SNS_MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Entries in one `PutEvents` request.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
pub const EVENTS_CALL_ENTRIES_MAX: usize = 10;

/// Bytes of one `PutEvents` request: 1 MB.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
pub const EVENTS_CALL_BYTES_MAX: usize = 1_000_000;

/// The longest visibility timeout of SQS: 12 hours from the first receipt, minus an hour of margin.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>,
/// 2026-11-29.
pub(crate) const SQS_VISIBILITY_MAX: Duration = Duration::from_hours(11);

/// How long the ID of an SQS message is remembered after its deletion: a standard queue may
/// redeliver a deleted message.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>
pub(crate) const SQS_ID_LIFE: Duration = Duration::from_mins(15);

/// Bytes of a message that SNS posts: the published text, which JSON at most doubles, and the
/// envelope. SNS accepts only characters of XML 1.0; of those, JSON escapes quotes, backslashes and
/// line ends, each with one extra byte. <https://aws.amazon.com/sns/faqs/> and
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>, 2026-11-29
pub(crate) const SNS_BODY_BYTES_MAX: usize = 2 * SNS_MESSAGE_BYTES_MAX + SNS_ENVELOPE_BYTES_MAX;

/// Bytes of a message's envelope: IDs, topic, subject, times, signature and URLs take about 3 kB.
/// SNS documents no limit; this one is postmeter's.
pub(crate) const SNS_ENVELOPE_BYTES_MAX: usize = 32 << 10;

/// How far SNS's clock may be ahead of the local one.
pub(crate) const SNS_AHEAD_MAX: Duration = Duration::from_mins(5);

/// How much longer than `sns.max_age` an ID is remembered: as long as a recorded message could be
/// replayed and accepted, plus a margin.
pub(crate) const SNS_ID_MARGIN: Duration = Duration::from_mins(6);

/// How long an object's ID is remembered. S3 does not document how late it repeats a notification;
/// a queue keeps one for four days by default, and redelivers it when its deletion fails.
pub(crate) const S3_ID_LIFE: Duration = Duration::from_hours(24);

/// How long the ID of a replayed object is remembered: afterwards all its events are older than
/// [`DATUM_AGE_MAX`].
pub(crate) const REPLAY_ID_LIFE: Duration = Duration::from_hours(336 + 24);
