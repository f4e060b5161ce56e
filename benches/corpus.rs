//! The corpus and rules of all benches, defined only here, so that figures of different days and
//! competitors are comparable: [`Corpus::sha256`] identifies them.
//!
//! The seven commonest types of SES events in the shares of ordinary bulk mail, about 1.95 kB
//! each, six message tags, twelve headers; five event destinations over all three value sources.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// Events in a body: about 1 MB of JSON, Firehose's smallest buffering hint.
pub const EVENTS_PER_BODY: usize = 400;
pub const BODIES: usize = 50;

/// Twenty thousand events, as Firehose delivers them.
pub struct Corpus {
    /// The events themselves, as SES writes them.
    pub events: Vec<Vec<u8>>,
    /// Firehose requests of [`EVENTS_PER_BODY`] records.
    pub plain: Vec<Vec<u8>>,
    pub gzip: Vec<Vec<u8>>,
}

impl Corpus {
    pub fn new() -> Self {
        let mut random = Random(0x5eed_0f5e_5e1e_c7ed);
        let events: Vec<_> =
            (0..BODIES * EVENTS_PER_BODY).map(|_| event(&mut random).into_bytes()).collect();
        let plain: Vec<_> = events.chunks(EVENTS_PER_BODY).zip(0..).map(body).collect();
        let gzip = plain.iter().map(|body| gzip(body)).collect();
        Self { events, plain, gzip }
    }

    /// The mean length of an event in bytes.
    pub fn mean_len(&self) -> usize {
        self.events.iter().map(Vec::len).sum::<usize>() / self.events.len()
    }

    /// The hash of the rules and of every event, each followed by a newline, in hexadecimal.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new_with_prefix(DEFINITIONS);
        for event in &self.events {
            hash.update(event);
            hash.update(b"\n");
        }
        let digits: Vec<_> = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        digits.concat()
    }
}

/// Steele and Vigna's splitmix64, because the corpus must not change with a crate's version.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn hex(&mut self, len: usize) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())[..len].to_owned()
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::try_from(self.below(list.len() as u64)).expect("a small number")]
    }
}

fn body((events, at): (&[Vec<u8>], u64)) -> Vec<u8> {
    let records: Vec<_> =
        events.iter().map(|event| format!(r#"{{"data":"{}"}}"#, STANDARD.encode(event))).collect();
    let records = records.join(",");
    let id = format!("00000000-0000-4000-8000-{at:012}");
    format!(r#"{{"requestId":"{id}","timestamp":1795262400000,"records":[{records}]}}"#)
        .into_bytes()
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).expect("gzip in memory");
    encoder.finish().expect("gzip in memory")
}

const ISPS: [&str; 6] =
    ["mail.example", "inbox.example", "post.example", "web.example", "corp.example", "edu.example"];
const STREAMS: [&str; 5] = ["digest", "receipts", "alerts", "newsletter", "onboarding"];
const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-2"];

/// What the events of one message have in common.
struct Message {
    campaign: u64,
    tenant: u64,
    stream: &'static str,
    source: String,
    recipient: String,
    minute: u64,
    second: u64,
}

/// One event, as SES sends it: no white space, then a newline.
fn event(random: &mut Random) -> String {
    let tenant = random.below(40);
    let stream = random.pick(&STREAMS);
    let message = Message {
        campaign: random.below(500),
        tenant,
        stream,
        source: format!("{stream}@news{}.sender.example", tenant % 7),
        recipient: format!("r{:07}@{}", random.below(10_000_000), random.pick(&ISPS)),
        minute: random.below(2),
        second: random.below(60),
    };
    let mail = message.mail(random);
    let (name, block) = message.block(random);
    format!(r#"{{"eventType":"{name}","mail":{mail},{block}}}"#) + "\n"
}

// === impl Message ===

impl Message {
    /// A time this many minutes after the mail was sent.
    fn at(&self, minutes: u64) -> String {
        format!("2026-11-20T12:{:02}:{:02}.{}Z", self.minute + minutes, self.second, 125 + minutes)
    }

    fn headers(&self, random: &mut Random) -> String {
        let Self { campaign, tenant, stream, source, recipient, .. } = self;
        let host = format!("ip-10-0-3-{}.ec2.internal", random.below(255));
        let headers = [
            (
                "Received",
                format!(
                    "from {host} ({host} [10.0.3.7]) by email.sender.example with ESMTP id {}; Fri, 20 Nov 2026 12:00:00 +0000 (UTC)",
                    random.hex(12)
                ),
            ),
            ("From", format!("\\\"The {stream} team\\\" <{source}>")),
            ("To", recipient.clone()),
            (
                "Subject",
                format!(
                    "=?UTF-8?Q?{stream}_no=2E_{}_=E2=80=93_this_week_for_your_account?=",
                    random.below(99)
                ),
            ),
            ("Date", "Fri, 20 Nov 2026 12:00:00 +0000".to_owned()),
            ("Message-ID", format!("<{}@sender.example>", random.hex(24))),
            ("MIME-Version", "1.0".to_owned()),
            (
                "Content-Type",
                format!("multipart/alternative; boundary=\\\"=_{}\\\"", random.hex(16)),
            ),
            (
                "List-Unsubscribe",
                format!(
                    "<https://u.sender.example/{}>, <mailto:leave-{}@sender.example>",
                    random.hex(32),
                    random.hex(16)
                ),
            ),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
            ("X-Stream", (*stream).to_owned()),
            (
                "X-SES-MESSAGE-TAGS",
                format!("campaign=campaign-{campaign:04}, tenant=tenant-{tenant:03}"),
            ),
        ];
        let header =
            |(name, value): &(&str, String)| format!(r#"{{"name":"{name}","value":"{value}"}}"#);
        headers.iter().map(header).collect::<Vec<_>>().join(",")
    }

    fn tags(&self, random: &mut Random) -> String {
        let Self { campaign, tenant, .. } = self;
        let (ip, domain) = (random.below(255), tenant % 7);
        format!(
            r#"{{"ses:configuration-set":["bulk"],"ses:source-ip":["198.51.100.{ip}"],"ses:from-domain":["news{domain}.sender.example"],"ses:caller-identity":["bulk-sender"],"campaign":["campaign-{campaign:04}"],"tenant":["tenant-{tenant:03}"]}}"#
        )
    }

    fn mail(&self, random: &mut Random) -> String {
        let Self { stream, source, recipient, .. } = self;
        let id = format!("0100{}-{}-{}-000000", random.hex(12), random.hex(8), random.hex(23));
        let region = random.pick(&REGIONS);
        let subject = format!("{stream} no. {} – this week for your account", random.below(99));
        let (at, headers, tags) = (self.at(0), self.headers(random), self.tags(random));
        format!(
            r#"{{"timestamp":"{at}","source":"{source}","sourceArn":"arn:aws:ses:{region}:123456789012:identity/sender.example","sendingAccountId":"123456789012","messageId":"{id}","destination":["{recipient}"],"headersTruncated":false,"headers":[{headers}],"commonHeaders":{{"from":["{source}"],"date":"Fri, 20 Nov 2026 12:00:00 +0000","to":["{recipient}"],"messageId":"{id}","subject":"{subject}"}},"tags":{tags}}}"#
        )
    }

    /// The type and its block.
    fn block(&self, random: &mut Random) -> (&'static str, String) {
        let Self { stream, recipient, .. } = self;
        let feedback = format!("0100{}-{}", random.hex(12), random.hex(20));
        let (host, ip, ms) = (random.below(99), random.below(255), random.below(4000));
        let link = random.hex(16);
        let slot = random.below(8);
        // Shares in thousandths.
        match random.below(1000) {
            0..420 => ("Send", r#""send":{}"#.to_owned()),
            420..820 => (
                "Delivery",
                format!(
                    r#""delivery":{{"timestamp":"{}","processingTimeMillis":{ms},"recipients":["{recipient}"],"smtpResponse":"250 2.6.0 Message received","reportingMTA":"a8-{host}.smtp-out.amazonses.com"}}"#,
                    self.at(1),
                ),
            ),
            820..930 => (
                "Open",
                format!(
                    r#""open":{{"ipAddress":"203.0.113.{ip}","timestamp":"{}","userAgent":"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}}"#,
                    self.at(2),
                ),
            ),
            930..960 => (
                "Click",
                format!(
                    r#""click":{{"ipAddress":"203.0.113.{ip}","link":"https://www.sender.example/{stream}/{link}","linkTags":{{"placement":["slot-{slot}"]}},"timestamp":"{}","userAgent":"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15"}}"#,
                    self.at(3),
                ),
            ),
            960..980 => (
                "Bounce",
                format!(
                    r#""bounce":{{"feedbackId":"{feedback}","bounceType":"Permanent","bounceSubType":"General","bouncedRecipients":[{{"emailAddress":"{recipient}","action":"failed","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 user unknown"}}],"timestamp":"{}","reportingMTA":"dns; a8-{host}.smtp-out.amazonses.com"}}"#,
                    self.at(1),
                ),
            ),
            980..997 => (
                "DeliveryDelay",
                format!(
                    r#""deliveryDelay":{{"timestamp":"{}","delayType":"TransientCommunicationFailure","expirationTime":"2026-11-21T12:00:00.000Z","delayedRecipients":[{{"emailAddress":"{recipient}","status":"4.4.1","diagnosticCode":"smtp; 421 4.4.1 unable to connect to remote host"}}]}}"#,
                    self.at(1),
                ),
            ),
            _ => (
                "Complaint",
                format!(
                    r#""complaint":{{"feedbackId":"{feedback}","complaintSubType":null,"complainedRecipients":[{{"emailAddress":"{recipient}"}}],"timestamp":"{}","userAgent":"FeedbackLoop/1.0","complaintFeedbackType":"abuse","arrivalDate":"{}"}}"#,
                    self.at(4),
                    self.at(3),
                ),
            ),
        }
    }
}

/// Five event destinations; the corpus produces about 10,000 series.
pub const DEFINITIONS: &str = r#"{"ConfigurationSets":[{"ConfigurationSetName":"bulk","EventDestinations":[
{"Name":"by-campaign","Enabled":true,"MatchingEventTypes":["SEND","DELIVERY","OPEN","CLICK","BOUNCE","COMPLAINT","DELIVERY_DELAY"],
 "CloudWatchDestination":{"DimensionConfigurations":[
  {"DimensionName":"campaign","DimensionValueSource":"MESSAGE_TAG","DefaultDimensionValue":"none"}]}},
{"Name":"by-tenant-and-stream","Enabled":true,"MatchingEventTypes":["SEND","DELIVERY","BOUNCE","COMPLAINT"],
 "CloudWatchDestination":{"DimensionConfigurations":[
  {"DimensionName":"tenant","DimensionValueSource":"MESSAGE_TAG","DefaultDimensionValue":"none"},
  {"DimensionName":"X-Stream","DimensionValueSource":"EMAIL_HEADER","DefaultDimensionValue":"none"}]}},
{"Name":"by-campaign-and-stream","Enabled":true,"MatchingEventTypes":["SEND","OPEN"],
 "CloudWatchDestination":{"DimensionConfigurations":[
  {"DimensionName":"campaign","DimensionValueSource":"MESSAGE_TAG","DefaultDimensionValue":"none"},
  {"DimensionName":"X-Stream","DimensionValueSource":"EMAIL_HEADER","DefaultDimensionValue":"none"},
  {"DimensionName":"ses:from-domain","DimensionValueSource":"MESSAGE_TAG","DefaultDimensionValue":"none"}]}},
{"Name":"clicks-by-placement","Enabled":true,"MatchingEventTypes":["CLICK"],
 "CloudWatchDestination":{"DimensionConfigurations":[
  {"DimensionName":"placement","DimensionValueSource":"LINK_TAG","DefaultDimensionValue":"none"},
  {"DimensionName":"tenant","DimensionValueSource":"MESSAGE_TAG","DefaultDimensionValue":"none"}]}},
{"Name":"by-domain","Enabled":true,"MatchingEventTypes":["SEND","DELIVERY","BOUNCE","COMPLAINT","DELIVERY_DELAY"],
 "CloudWatchDestination":{"DimensionConfigurations":[
  {"DimensionName":"ses:from-domain","DimensionValueSource":"MESSAGE_TAG","DefaultDimensionValue":"none"}]}}
]}]}"#;
