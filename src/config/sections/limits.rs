//! `[limits]`.

use super::{GIB, KIB, MIB};
use crate::config::kinds::number;
use crate::config::section::section;

section! {
    /// Limits on what is held at once. Reaching one is an ordinary, counted outcome.
    pub struct LimitsConfig as [limits] {
        /// Largest request body as received, in bytes. A larger one gets 400.
        ///
        /// Firehose sends at most 64 MiB. 413 would make Firehose drop the batch.
        body_bytes: usize = 64 << 20, number(KIB, 256 * MIB);

        /// Largest size in bytes to which gzip in one request, message or object may expand, all
        /// nested levels together. A larger one is rejected permanently.
        ///
        /// A request is rejected with 400, a message by the queue's redrive policy. The outermost
        /// level of an object is streamed and does not count.
        expanded_bytes: usize = 128 << 20, number(KIB, GIB);

        /// Largest S3 object that a message may name, in bytes after decompression. A larger one is
        /// rejected permanently and left to the queue's redrive policy.
        ///
        /// `postmeter replay` has no such limit.
        object_bytes: usize = 1 << 30, number(KIB, u32::MAX);

        /// Bytes of requests held in memory at once: bodies, their expanded content, and what is
        /// parsed from them. Above the limit, newer requests get 503 and are retried.
        ///
        /// They get 503 before anything is counted. A higher limit needs more memory and causes
        /// fewer retries.
        in_flight_bytes: usize = 256 << 20, number(1, u32::MAX);

        /// Requests in flight at once. Above the limit, newer requests get 503 and are retried.
        in_flight_requests: usize = 512, number(1, 1_000_000);

        /// Distinct series (metric and dimension values) in the current UTC hour. Above the limit,
        /// events of new series are dropped and counted.
        ///
        /// The limit protects your bill: a custom metric costs $0.30 a month, so 10000 are about
        /// $3,000. Dropped events are in `postmeter_dropped_total{reason="series_limit"}`. Known
        /// series are still counted.
        series: usize = 10_000, number(1, 10_000_000);

        /// Pairs of series and minute that CloudWatch has not yet accepted. Above the limit,
        /// requests get 503 and are retried.
        ///
        /// The limit protects memory during a CloudWatch outage. Nothing is dropped.
        entries: usize = 1_000_000, number(1, 1_000_000_000);

        /// IDs of done requests that each source remembers, to recognize retries. Above the limit
        /// the oldest are evicted early: a later retry of theirs is counted again.
        ///
        /// An ID takes 17 bytes: 4000000 are 68 MB. Firehose retries for 2 hours, so 400 requests per
        /// second (200,000 events per second) need 3.3 million; 1,800 SQS messages per second need
        /// 1.9 million, and twice as many if they are SNS envelopes. Evicted IDs are counted in
        /// `postmeter_ledger_evicted_total`. A journal keeps as many for each of its sources, in 16
        /// bytes each.
        request_ids: usize = 4_000_000, number(1, 1_000_000_000);

        /// Bytes of events waiting to be forwarded, per destination. Above the limit, requests get
        /// 503 and are retried.
        ///
        /// A single larger request is accepted when nothing else is waiting.
        forward_bytes: u32 = 32 << 20, number(KIB, GIB);
    }
}
