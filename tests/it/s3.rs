//! Objects in S3 that a queue names: each version is counted once, whatever happens to the message.

use std::time::Duration;

use crate::support::fake_cloudwatch::{FakeCloudWatch, Fault as CloudWatchFault};
use crate::support::fake_s3::{FakeS3, Fault, gzip, notification};
use crate::support::fake_sqs::FakeSqs;
use crate::support::process::Daemon;
use crate::support::traffic::{Traffic, assert_held, held, held_of, send_of};

/// A daemon with a queue and buckets.
struct Bench {
    cloudwatch: FakeCloudWatch,
    sqs: FakeSqs,
    s3: FakeS3,
}

impl Bench {
    async fn start() -> Self {
        Self {
            cloudwatch: FakeCloudWatch::start().await,
            sqs: FakeSqs::start().await,
            s3: FakeS3::start().await,
        }
    }

    fn daemon(&self, more: &[(&str, &str)]) -> Daemon {
        let (cloudwatch, queue, s3) = (self.cloudwatch.url(), self.sqs.url(), self.s3.url());
        let mut variables = vec![
            ("AWS_ENDPOINT_URL_CLOUDWATCH", cloudwatch.as_str()),
            ("AWS_ENDPOINT_URL_S3", s3.as_str()),
            ("POSTMETER__SQS__0__QUEUE_URL", queue.as_str()),
            ("POSTMETER__SQS__0__VISIBILITY", "2s"),
            ("POSTMETER__LIMITS__SERIES", "1000000"),
        ];
        variables.extend(more);
        Daemon::start(&variables)
    }
}

fn outcome(label: &str) -> String {
    format!("postmeter_s3_objects_total{{outcome=\"{label}\"}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_every_kind_are_counted_once_however_often_they_are_named() {
    let bench = Bench::start().await;
    let mut traffic = Traffic::new(400);
    let mut records = Vec::new();
    for at in 0..60 {
        // Firehose writes records one after another, with or without a separator.
        let text: String = traffic.records(50).concat();
        let text = if at % 3 == 0 { text.replace('\n', "") } else { text };
        let bytes = if at % 2 == 0 { gzip(&text) } else { text.into_bytes() };
        records.push(bench.s3.put(&format!("2026/11/22/10/mail 1+{at} é.gz"), bytes));
    }
    let daemon = bench.daemon(&[]);
    // One by one, several at once, and all again, through SNS too.
    bench.sqs.send(records[..40].iter().map(|record| notification(std::slice::from_ref(record))));
    bench.sqs.send(records[40..].chunks(5).map(notification));
    bench.sqs.send(records.chunks(7).map(notification));
    bench.sqs.send(records[..10].iter().map(|record| {
        let inner = notification(std::slice::from_ref(record));
        serde_json::json!({"Type": "Notification", "TopicArn": "arn:aws:sns:a:1:t", "Message": inner})
            .to_string()
    }));
    bench.sqs.send([
        serde_json::json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "mail"})
            .to_string(),
    ]);
    bench.sqs.until_empty().await;
    assert_eq!(bench.s3.requests(), 60, "each is read once");
    assert_eq!(daemon.metric(&outcome("read")).await, 60);
    assert_eq!(daemon.metric(&outcome("repeated")).await, 70);
    daemon.end().await;
    assert_held(&bench.cloudwatch, &traffic.sums());
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_objects_count_as_empty_and_unreadable_ones_leave_no_trace() {
    let bench = Bench::start().await;
    let object = |name: &str| bench.s3.put(name, send_of(name).into_bytes());
    let [gone, denied, beside, replaced] = ["gone", "denied", "beside", "replaced"].map(object);
    bench.s3.remove("gone");
    bench.s3.set_fault("denied", Some(Fault::Denied));
    let newer = bench.s3.put("replaced", send_of("newer").into_bytes());
    let daemon = bench.daemon(&[]);
    bench.sqs.send([notification(&[gone]), notification(&[replaced])]);
    bench.sqs.until_empty().await;
    assert_eq!(daemon.metric(&outcome("missing")).await, 2);

    bench.sqs.send([notification(&[beside, denied])]);
    bench.sqs.until("given out again", |queue| queue.given >= 4).await;
    bench.s3.set_fault("denied", None);
    bench.sqs.send([notification(&[newer])]);
    bench.sqs.until_empty().await;
    assert!(daemon.metric(&outcome("failed")).await >= 1);
    assert!(daemon.metric(&outcome("repeated")).await >= 1, "its neighbour is counted once");
    daemon.end().await;
    let counted = ["gone", "replaced", "denied", "beside", "newer"];
    let counted = counted.map(|campaign| held_of(&bench.cloudwatch, campaign));
    assert_eq!(counted, [0, 0, 1, 1, 1]);
}

/// A download that breaks off is not mistaken for gzip that was truncated when it was stored.
#[tokio::test(flavor = "multi_thread")]
async fn object_that_breaks_off_is_read_again_and_a_torn_one_as_far_as_it_goes() {
    let bench = Bench::start().await;
    let mut traffic = Traffic::new(401);
    let text: String = traffic.records(2000).concat();
    let whole = bench.s3.put("breaks-off", gzip(&text));
    bench.s3.set_fault("breaks-off", Some(Fault::BreaksOff(2)));
    let daemon = bench.daemon(&[]);
    bench.sqs.send([notification(&[whole])]);
    bench.sqs.until_empty().await;
    assert_eq!(bench.s3.requests(), 3);
    assert_eq!(daemon.metric("postmeter_values_total{kind=\"malformed\"}").await, 0);

    let torn = gzip(&send_of("torn").repeat(3));
    bench.sqs.send([notification(&[bench.s3.put("torn", torn[..torn.len() - 9].to_vec())])]);
    bench.sqs.until_empty().await;
    assert_eq!(daemon.metric("postmeter_values_total{kind=\"malformed\"}").await, 1);
    daemon.end().await;
    // How many events a truncated gzip yields depends on the decoder; the others are exact.
    let mut held = held(&bench.cloudwatch);
    for (series, sum) in traffic.sums() {
        let left = held.get(&series).and_then(|held| held.checked_sub(sum));
        held.insert(series, left.expect("the whole object is counted"));
    }
    let torn = held_of(&bench.cloudwatch, "torn");
    assert!(torn <= 3 && held.values().sum::<u64>() <= 3 * torn, "{torn}: {held:?}");
}

/// Two hundred objects, killed five times: with a journal and a restart in place, nothing is lost,
/// and only reported counts are doubled.
#[tokio::test(flavor = "multi_thread")]
async fn objects_are_counted_once_although_the_daemon_is_killed_five_times() {
    for acknowledge in ["journaled", "published"] {
        let bench = Bench::start().await;
        let folder = tempfile::tempdir().expect("a folder");
        let directory = folder.path().display().to_string();
        let mut variables = vec![("POSTMETER__SQS__0__ACKNOWLEDGE", acknowledge)];
        if acknowledge == "journaled" {
            variables.push(("POSTMETER__JOURNAL__DIRECTORY", directory.as_str()));
        }
        let mut traffic = Traffic::new(402);
        let mut records = Vec::new();
        for at in 0..200 {
            let text: String = traffic.records(20).concat();
            records.push(bench.s3.put(&format!("2026/11/22/10/{at}.gz"), gzip(&text)));
        }
        let mut rng = fastrand::Rng::with_seed(402);
        let mut doubt = 0;
        for kill in 0..5 {
            let daemon = bench.daemon(&variables);
            let new = records[kill * 40..(kill + 1) * 40].iter();
            bench.sqs.send(new.map(|record| notification(std::slice::from_ref(record))));
            let deleted = bench.sqs.queue().deleted;
            bench.sqs.until("read", |queue| queue.deleted >= deleted + 5).await;
            tokio::time::sleep(Duration::from_millis(rng.u64(0..50))).await;
            doubt += crash_doubt(&daemon).await;
            daemon.kill().await;
        }
        let last = bench.daemon(&variables);
        bench.sqs.until_empty().await;
        doubt += crash_doubt(&last).await;
        last.end().await;
        let (held, sent) = (bench.cloudwatch.total_in("SES"), traffic.counts());
        println!("{acknowledge}: {sent} sent, {} doubled, {doubt} named", held - sent);
        assert!(held >= sent, "{held} of {sent}");
        if acknowledge == "journaled" {
            assert!(held - sent <= doubt, "{} doubled, {doubt} named", held - sent);
        }
    }
}

async fn crash_doubt(daemon: &Daemon) -> u64 {
    daemon.metric("postmeter_doubtful_counts_total{cause=\"crash\"}").await
}

/// Anyone who can write to the queue chooses buckets. Objects in forbidden buckets are not read,
/// and their message is not deleted.
#[tokio::test(flavor = "multi_thread")]
async fn forbidden_buckets_are_never_read_and_their_messages_stay() {
    let bench = Bench::start().await;
    let mail = bench.s3.put("mail", send_of("ours").into_bytes());
    let in_bucket = |name: &str| {
        let mut record = mail.clone();
        record["s3"]["bucket"]["name"] = name.into();
        record
    };
    for (buckets, forbidden) in [
        ("", "arn:aws:s3:eu-west-1:999999999999:accesspoint/theirs"),
        ("", "theirs-abc-s3alias"),
        ("mail,more", "theirs"),
    ] {
        let daemon = bench.daemon(&[("POSTMETER__SQS__0__BUCKETS", buckets)]);
        let given = bench.sqs.queue().given;
        let requests = bench.s3.requests();
        // None of its objects is read, the allowed one included.
        bench.sqs.send([notification(&[mail.clone(), in_bucket(forbidden)])]);
        bench.sqs.until("given out again", |queue| queue.given >= given + 2).await;
        assert!(daemon.metric(&outcome("forbidden")).await >= 2);
        assert_eq!(bench.s3.requests(), requests, "{forbidden}");
        let (status, _, said) = {
            daemon.signal("TERM");
            tokio::task::spawn_blocking(|| daemon.wait()).await.expect("it ends")
        };
        assert_eq!(status.code(), Some(0));
        assert!(said.iter().any(|line| line.contains(forbidden) && line.contains("sqs.buckets")));
        assert!(bench.sqs.queue().left() >= 1);
        bench.sqs.clear();
    }
    let daemon = bench.daemon(&[("POSTMETER__SQS__0__BUCKETS", "mail")]);
    bench.sqs.send([notification(&[mail])]);
    bench.sqs.until_empty().await;
    daemon.end().await;
    assert_eq!(held_of(&bench.cloudwatch, "ours"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_requested_in_their_region_and_of_their_owner() {
    let bench = Bench::start().await;
    for (owner, expected) in [("", "123456789012"), ("210987654321", "210987654321"), ("any", "")] {
        let daemon = bench.daemon(&[("POSTMETER__SQS__0__BUCKET_OWNER", owner)]);
        let asked = bench.s3.requests();
        for region in ["eu-central-1", "zonegroup1", ""] {
            let mut record = bench.s3.put(&format!("{owner}-{region}"), send_of("a").into_bytes());
            record["awsRegion"] = region.into();
            bench.sqs.send([notification(&[record])]);
            bench.sqs.until_empty().await;
        }
        let owners = bench.s3.headers("x-amz-expected-bucket-owner").split_off(asked);
        assert_eq!(owners, [expected; 3]);
        let signed = bench.s3.headers("authorization").split_off(asked);
        for (signed, region) in signed.iter().zip(["eu-central-1", "us-east-1", "us-east-1"]) {
            assert!(signed.contains(&format!("/{region}/s3/")), "{signed}");
        }
        daemon.end().await;
    }
    assert_eq!(held_of(&bench.cloudwatch, "a"), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_a_bucket_in_another_region_are_read_there() {
    let bench = Bench::start().await;
    let daemon = bench.daemon(&[]);
    bench.s3.set_region("ap-southeast-2");
    for (at, named) in ["", "us-east-1", "eu-west-1", "ap-southeast-2"].into_iter().enumerate() {
        let mut record = bench.s3.put(&at.to_string(), send_of("a").into_bytes());
        record["awsRegion"] = named.into();
        bench.sqs.send([notification(&[record])]);
        bench.sqs.until_empty().await;
    }
    let signed = bench.s3.headers("authorization");
    let here = signed.iter().filter(|signed| signed.contains("/ap-southeast-2/s3/")).count();
    // Only the first call is rejected: from then on the bucket's region is known.
    assert_eq!((here, signed.len()), (4, 5), "{signed:?}");
    daemon.end().await;
    assert_eq!(held_of(&bench.cloudwatch, "a"), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_of_minio_and_ceph_are_notifications() {
    let bench = Bench::start().await;
    let daemon = bench.daemon(&[]);
    for source in ["minio:s3", "ceph:s3"] {
        let mut record = bench.s3.put(source.split(':').next().unwrap(), send_of("a").into_bytes());
        record["eventSource"] = source.into();
        record["s3"]["object"]["versionId"] = "".into();
        bench.sqs.send([notification(&[record])]);
    }
    bench.sqs.until_empty().await;
    daemon.end().await;
    assert_eq!(held_of(&bench.cloudwatch, "a"), 2);
}

/// A message may name any object that the role can read, whoever owns it.
#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_of_objects_name_the_location_and_hold_no_content() {
    let bench = Bench::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = bench.daemon(&[
        ("POSTMETER__DEAD_LETTERS__DIRECTORY", folder.path().to_str().expect("text")),
        ("POSTMETER__DEAD_LETTERS__KEEP", "malformed,unknown_type,foreign"),
    ]);
    let secrets = "{\"password\":\"hunter2\"}\nplain hunter2\n";
    bench.sqs.send([notification(&[bench.s3.put("payroll", secrets.into())])]);
    bench.sqs.until_empty().await;
    daemon.end().await;
    let files = std::fs::read_dir(folder.path()).expect("it is there").flatten();
    let letters: String =
        files.filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect();
    assert!(letters.lines().count() >= 2, "{letters}");
    assert!(!letters.contains("rawData"), "{letters}");
    for part in ["s3://mail/payroll", "\"errorCode\":\"foreign\"", "\"offset\":0}"] {
        assert!(letters.contains(part), "{part}: {letters}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_s3_are_shown_in_one_line() {
    let bench = Bench::start().await;
    let denied = bench.s3.put("denied", Vec::new());
    bench.s3.set_fault("denied", Some(Fault::Denied));
    let mut daemon = bench.daemon(&[]);
    bench.sqs.send([notification(&[denied])]);
    let line = daemon.wait_for_line("s3://mail/denied cannot be read");
    assert!(line.contains("403 AccessDenied: no; this requires s3:GetObject"), "{line}");
    assert!(line.contains("account 123456789012 (sqs.bucket_owner)"), "{line}");
    assert!(line.len() < 600, "{line}");
}

/// However many of its objects are denied, and whatever else is logged. Requester Pays buckets look
/// like any other denial.
#[tokio::test(flavor = "multi_thread")]
async fn bucket_that_denies_access_is_named_once_a_minute() {
    let bench = Bench::start().await;
    let mut records = Vec::new();
    for at in 0..10 {
        records.push(bench.s3.put(&format!("denied-{at}"), Vec::new()));
        bench.s3.set_fault(&format!("denied-{at}"), Some(Fault::Denied));
    }
    let daemon = bench.daemon(&[]);
    bench.sqs.send(records.iter().map(|record| notification(std::slice::from_ref(record))));
    daemon.until_metric(&outcome("failed"), |failed| failed >= 10).await;
    daemon.signal("TERM");
    let ended = tokio::task::spawn_blocking(|| daemon.wait()).await.expect("it ends");
    let lines = ended.2.iter().filter(|line| line.contains("S3 denies reading from a bucket"));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("Requester Pays buckets are not supported"), "{}", lines[0]);
    assert!(lines[0].contains("\"bucket\":\"mail\""), "{}", lines[0]);
}

/// An object that was counted, or is being counted, is answered although nothing new is taken.
#[tokio::test(flavor = "multi_thread")]
async fn known_objects_are_answered_while_counts_are_overdue_and_while_draining() {
    let bench = Bench::start().await;
    let known = bench.s3.put("known", send_of("known").into_bytes());
    let pending = bench.s3.put("pending", send_of("pending").into_bytes());
    let new = bench.s3.put("new", send_of("new").into_bytes());
    let daemon = bench.daemon(&[
        ("POSTMETER__CLOUDWATCH__SETTLE_DEADLINE", "2300ms"),
        ("POSTMETER__SQS__0__VISIBILITY", "30m"),
        ("POSTMETER__SQS__0__POLLERS", "2"),
    ]);
    bench.sqs.send([notification(std::slice::from_ref(&known))]);
    bench.sqs.until_empty().await;
    bench.cloudwatch.set_mode(CloudWatchFault::Throttle);
    bench.sqs.send([notification(std::slice::from_ref(&pending))]);
    daemon.until_metric("postmeter_oldest_epoch_seconds", |age| age >= 3).await;
    // The receive call that began before takes these. The message with a new object waits.
    bench.sqs.send([
        notification(std::slice::from_ref(&new)),
        notification(std::slice::from_ref(&known)),
        notification(&[known.clone(), pending.clone()]),
    ]);
    bench.sqs.until("answered", |queue| queue.deleted == 2).await;
    assert_eq!(bench.sqs.queue().left(), 3);
    daemon.signal("TERM");
    bench.cloudwatch.set_mode(None);
    let (status, _, said) = tokio::task::spawn_blocking(|| daemon.wait()).await.expect("it ends");
    assert_eq!(status.code(), Some(0), "{said:#?}");
    // Only the message that names the new object is still in the queue.
    assert_eq!(bench.sqs.queue().left(), 1, "{said:#?}");
    for (campaign, times) in [("known", 1), ("pending", 1), ("new", 0)] {
        assert_eq!(held_of(&bench.cloudwatch, campaign), times, "{campaign}");
    }
}

/// Definitions in a bucket: a change takes effect by itself, an invalid one does not.
#[tokio::test(flavor = "multi_thread")]
async fn definitions_in_s3_take_effect_when_they_change() {
    let bench = Bench::start().await;
    let by = |dimension: &str| {
        serde_json::json!({"ConfigurationSets": [{
            "ConfigurationSetName": "prod",
            "EventDestinations": [{
                "Name": "one", "Enabled": true, "MatchingEventTypes": ["SEND"],
                "CloudWatchDestination": {"DimensionConfigurations": [{
                    "DimensionName": dimension, "DimensionValueSource": "MESSAGE_TAG",
                    "DefaultDimensionValue": "none",
                }]},
            }],
        }]})
    };
    let put = |document: String| bench.s3.put("definitions.json", document.into_bytes());
    put(by("campaign").to_string());
    let mut daemon = bench.daemon(&[
        ("POSTMETER__DEFINITIONS", "s3://mail/definitions.json"),
        ("POSTMETER__DEFINITIONS_INTERVAL", "50ms"),
    ]);
    let firehose = daemon.firehose();
    assert_eq!(firehose.deliver("a", &[send_of("spring")]).await.status, 200);
    let looks = bench.s3.requests();
    put(by("genre").to_string());
    daemon.wait_for_line("definitions reloaded");
    assert_eq!(firehose.deliver("b", &[send_of("spring")]).await.status, 200);
    put("{\"ConfigurationSets\": 7}".to_owned());
    daemon.wait_for_line("new definitions rejected; keeping the current ones");
    bench.s3.remove("definitions.json");
    assert_eq!(firehose.deliver("c", &[send_of("spring")]).await.status, 200);
    assert!(bench.s3.requests() > looks);
    let reloads =
        |outcome: &str| format!("postmeter_definitions_reloads_total{{outcome=\"{outcome}\"}}");
    assert_eq!(daemon.metric(&reloads("loaded")).await, 2);
    daemon.end().await;
    let of = |name: &str, value: &str| {
        let dimensions = [(name.to_owned(), value.to_owned())];
        let held = held(&bench.cloudwatch);
        let sums = held.iter().filter(|(series, _)| series.dimensions == dimensions);
        sums.map(|(_, sum)| sum).sum::<u64>()
    };
    assert_eq!((of("campaign", "spring"), of("genre", "none")), (1, 2));
}
