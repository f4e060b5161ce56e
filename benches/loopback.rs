//! Compares the daemon with the pipeline in this process and with a loop in Python: CPU time for a
//! million events, including kernel time. `postmeter serve` acknowledges merged requests and publishes
//! every ten seconds to a recorder; this process sends it the same bodies over loopback.

use std::io::{BufRead, BufReader, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flate2::Compression;
use postmeter::synth::gzip::GzipPart;

use super::corpus::{BODIES, Corpus, DEFINITIONS, EVENTS_PER_BODY};
use super::{Engine, say};

/// Alternating rounds, together longer than two flush intervals, so that publishing is included.
const ROUNDS: usize = 8;
const TURN_HERE: Duration = Duration::from_secs(2);
const TURN_THERE: Duration = Duration::from_secs(4);
/// Of the loop in Python, in seconds.
const TURN_PYTHON: &str = "2";
const PYTHON_LOOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/python_loop.py");
/// A request ID, and what is before it in a body.
const ID_LEN: usize = 36;
const BEFORE_ID: &str = r#"{"requestId":""#;
/// A clock tick of Linux's `/proc/PID/stat` (`getconf CLK_TCK`), on every platform in use.
const TICK: f64 = 0.01;

/// Connections in the second part: while one body is counted, another can arrive.
const SENDERS: usize = 4;

/// A connection to the daemon.
struct Sender(BufReader<TcpStream>);

/// The daemon counts no ID twice.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// A request without its ID.
struct Delivery<'c> {
    /// Behind the ID, as it is sent.
    rest: Vec<u8>,
    /// What the checksum of a gzip body is made of.
    gzip: Option<GzipPart>,
    /// The whole body with the ID of the corpus.
    whole: &'c [u8],
}

/// A process that is killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Usually it has exited already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn loopback(corpus: &Corpus, engine: &Engine) {
    let definitions = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(definitions.path(), DEFINITIONS).expect("the definitions");

    let (recorder, line) = start(
        Command::new(env!("CARGO_BIN_EXE_postmeter-load")).args([
            "record",
            "--listen",
            "127.0.0.1:0",
        ]),
        "http://",
    );
    let url = line.split([' ', ';']).find(|word| word.starts_with("http://"));
    let url = url.expect("an address").to_owned();
    let (daemon, line) = start(
        Command::new(env!("CARGO_BIN_EXE_postmeter")).arg("serve").envs([
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ENDPOINT_URL_CLOUDWATCH", &*url),
            ("POSTMETER__LISTEN__HTTP", "127.0.0.1:0"),
            ("POSTMETER__LISTEN__ADMIN", "127.0.0.1:0"),
            ("POSTMETER__LIMITS__SERIES", "1000000"),
            ("POSTMETER__DEFINITIONS", &definitions.path().display().to_string()),
        ]),
        "\"serving\"",
    );
    let said: serde_json::Value = serde_json::from_str(&line).expect("a log line is JSON");
    let address: SocketAddr =
        said["http"].as_str().expect("an address").parse().expect("an address");

    let pid = daemon.0.id().to_string();
    for is_gzip in [false, true] {
        let deliveries = Delivery::all(corpus, is_gzip);
        let python = Python::new(definitions.path(), &deliveries);
        for connections in [1, SENDERS] {
            let turns = Turns { engine, deliveries: &deliveries, pid: &pid, address };
            turns.run(connections, python.as_ref());
        }
    }
    drop((daemon, recorder));
}

/// What takes turns.
struct Turns<'t> {
    engine: &'t Engine,
    deliveries: &'t [Delivery<'t>],
    /// Of the daemon.
    pid: &'t str,
    address: SocketAddr,
}

/// CPU time and the events that it was for.
#[derive(Clone, Copy, Default)]
struct Cost {
    seconds: f64,
    events: f64,
}

/// The loop in Python, over the same requests.
struct Python {
    definitions: String,
    requests: tempfile::NamedTempFile,
}

// === impl Turns ===

impl Turns<'_> {
    /// Runs the pipeline in this process, the daemon and Python alternately, and reports.
    fn run(&self, connections: usize, python: Option<&Python>) {
        // New connections: the daemon closes those that are idle.
        let mut senders: Vec<_> = (0..connections).map(|_| Sender::new(self.address)).collect();
        let count_all = || {
            for delivery in self.deliveries {
                if delivery.gzip.is_some() {
                    self.engine.take_gzip(delivery.whole);
                } else {
                    self.engine.take(delivery.whole);
                }
            }
        };
        let mut send_all = || {
            let each = self.deliveries.len().div_ceil(senders.len());
            std::thread::scope(|scope| {
                for (sender, deliveries) in senders.iter_mut().zip(self.deliveries.chunks(each)) {
                    scope.spawn(move || deliveries.iter().for_each(|one| sender.send(one)));
                }
            });
        };
        send_all();
        // What the daemon publishes without traffic is part of its cost.
        let (mut here, mut there, mut outside) =
            (Cost::default(), Cost::default(), Cost::default());
        let daemon_before = cpu_seconds(self.pid);
        for _ in 0..ROUNDS {
            let before = cpu_seconds("self");
            here.events += repeated(TURN_HERE, count_all);
            here.seconds += cpu_seconds("self") - before;
            there.events += repeated(TURN_THERE, &mut send_all);
            if let Some(python) = python {
                outside.add(python.run());
            }
        }
        there.seconds = cpu_seconds(self.pid) - daemon_before;
        let [here, there, outside] = [here, there, outside].map(Cost::of_a_million);
        let kind = if self.deliveries[0].gzip.is_some() { "gzip" } else { "plain" };
        let python = python.map_or_else(
            || "no python3 here".to_owned(),
            |_| format!("{outside:.2} s in Python, {:.1} x `serve`", outside / there),
        );
        say(&format!(
            "CPU for a million events, {kind}, by turns: {here:.2} s in this process, {there:.2} s in \
             `serve` over {connections} connections of loopback, {:.2} x; {python}",
            there / here
        ));
    }
}

// === impl Cost ===

impl Cost {
    fn add(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.events += other.events;
    }

    fn of_a_million(self) -> f64 {
        self.seconds / self.events * 1e6
    }
}

// === impl Python ===

impl Python {
    /// `None` where there is no Python.
    fn new(definitions: &Path, deliveries: &[Delivery<'_>]) -> Option<Self> {
        Command::new("python3").arg("--version").stdout(Stdio::null()).status().ok()?;
        let mut requests = tempfile::NamedTempFile::new().expect("a file");
        for delivery in deliveries {
            let len = (delivery.whole.len() as u64).to_be_bytes();
            requests.write_all(&[&len[..], delivery.whole].concat()).expect("it is written");
        }
        Some(Self { definitions: definitions.display().to_string(), requests })
    }

    fn run(&self) -> Cost {
        let mut python = Command::new("python3");
        python.arg(PYTHON_LOOP).arg(&self.definitions).arg(self.requests.path());
        let output = python.arg(TURN_PYTHON).stderr(Stdio::inherit()).output().expect("it starts");
        let said = String::from_utf8(output.stdout).expect("text");
        let numbers: Vec<f64> = said.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        let [events, seconds] = <[f64; 2]>::try_from(numbers).expect("two numbers");
        Cost { seconds, events }
    }
}

// === impl Delivery ===

impl<'c> Delivery<'c> {
    fn all(corpus: &'c Corpus, is_gzip: bool) -> Vec<Self> {
        let whole = if is_gzip { &corpus.gzip } else { &corpus.plain };
        let rest = corpus.plain.iter().map(|body| &body[BEFORE_ID.len() + ID_LEN..]);
        rest.zip(whole).map(|(rest, whole)| Self::new(rest, is_gzip, whole)).collect()
    }

    fn new(rest: &[u8], is_gzip: bool, whole: &'c [u8]) -> Self {
        if !is_gzip {
            return Self { rest: rest.to_vec(), gzip: None, whole };
        }
        let mut part = GzipPart::compress(rest, Compression::default());
        Self { rest: std::mem::take(&mut part.deflate), gzip: Some(part), whole }
    }

    /// What is sent before and after the rest, under an ID. With gzip, all of it is one member, as
    /// Firehose writes it.
    fn around(&self, id: &str) -> (Vec<u8>, Vec<u8>) {
        let start = format!("{BEFORE_ID}{id}").into_bytes();
        let Some(rest) = &self.gzip else { return (start, Vec::new()) };
        let (before, trailer) = rest.after(&start);
        (before, trailer.to_vec())
    }
}

/// Starts a process, reads its stderr up to the line with a text, and discards the rest.
fn start(command: &mut Command, until: &str) -> (Running, String) {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
    let running = Running(child);
    let mut line = String::new();
    while !line.contains(until) {
        line.clear();
        assert!(stderr.read_line(&mut line).expect("stderr") > 0, "it ended early");
    }
    std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
    (running, line)
}

/// Processes all bodies repeatedly for a while; returns the number of events.
fn repeated(run: Duration, mut all_bodies: impl FnMut()) -> f64 {
    let (started, mut events) = (Instant::now(), 0_u32);
    while started.elapsed() < run {
        all_bodies();
        events += u32::try_from(EVENTS_PER_BODY * BODIES).expect("few");
    }
    f64::from(events)
}

/// User and system time; 0 without `/proc`.
fn cpu_seconds(pid: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the name, which may contain anything: field 3 and on.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<f64>().unwrap_or(0.0)).sum::<f64>() * TICK
}

// === impl Sender ===

impl Sender {
    fn new(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).expect("the daemon listens")))
    }

    /// Sends one delivery under its own ID, and reads the response.
    fn send(&mut self, delivery: &Delivery<'_>) {
        let id = format!("{:0ID_LEN$}", NEXT_ID.fetch_add(1, Ordering::Relaxed));
        let (before, after) = delivery.around(&id);
        let head = format!(
            "POST /firehose HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{}\
             Content-Length: {}\r\n\r\n",
            if delivery.gzip.is_some() { "Content-Encoding: gzip\r\n" } else { "" },
            before.len() + delivery.rest.len() + after.len()
        );
        let start = [head.as_bytes(), &before].concat();
        // In one write, as Firehose does, so that the daemon does not wake up for a few bytes.
        let pieces = [&start, &delivery.rest, &after].map(|piece| IoSlice::new(piece));
        let mut pieces = &mut { pieces }[..];
        let stream = self.0.get_mut();
        while !pieces.is_empty() {
            let sent = stream.write_vectored(pieces).expect("the daemon reads");
            IoSlice::advance_slices(&mut pieces, sent);
        }
        let (mut line, mut len) = (String::new(), 0);
        self.0.read_line(&mut line).expect("an answer");
        assert!(line.starts_with("HTTP/1.1 200 "), "{line}");
        while line != "\r\n" {
            line.clear();
            self.0.read_line(&mut line).expect("a header");
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                len = value.trim().parse().expect("a length");
            }
        }
        let mut answer = vec![0; len];
        self.0.read_exact(&mut answer).expect("an answer");
        assert!(String::from_utf8_lossy(&answer).contains(&id), "the id comes back");
    }
}
