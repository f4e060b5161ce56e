//! Compares the daemon with the pipeline in this process: CPU time for a million events, including
//! kernel time. `postmeter serve` acknowledges merged requests and publishes every ten seconds to a
//! recorder; this process sends it the same bodies over loopback.

use std::io::{BufRead, BufReader, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::corpus::{BODIES, Corpus, DEFINITIONS, EVENTS_PER_BODY};
use super::{Engine, say};

/// Alternating rounds, together longer than two flush intervals, so that publishing is included.
const ROUNDS: usize = 8;
const TURN_HERE: Duration = Duration::from_secs(2);
const TURN_THERE: Duration = Duration::from_secs(4);
/// A clock tick of Linux's `/proc/PID/stat` (`getconf CLK_TCK`), on every platform in use.
const TICK: f64 = 0.01;

/// Connections in the second part: while one body is counted, another can arrive.
const SENDERS: usize = 4;

/// A connection to the daemon.
struct Sender {
    connection: BufReader<TcpStream>,
    next_id: usize,
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
    let mut senders: Vec<_> = (0..SENDERS).map(|sender| Sender::new(address, sender)).collect();
    for connections in [1, SENDERS] {
        by_turns(corpus, engine, &pid, &mut senders[..connections]);
    }
    drop((daemon, recorder));
}

/// Runs the pipeline in this process and the daemon alternately.
fn by_turns(corpus: &Corpus, engine: &Engine, pid: &str, senders: &mut [Sender]) {
    let count_all = || corpus.plain.iter().for_each(|body| engine.take(body));
    let mut send_all = || {
        let each = corpus.plain.len().div_ceil(senders.len());
        std::thread::scope(|scope| {
            for (sender, bodies) in senders.iter_mut().zip(corpus.plain.chunks(each)) {
                scope.spawn(move || bodies.iter().for_each(|body| sender.send(body)));
            }
        });
    };
    send_all();
    // What the daemon publishes without traffic is part of its cost.
    let (mut here, mut counted, mut sent) = (0.0, 0.0, 0.0);
    let daemon_before = cpu_seconds(pid);
    for _ in 0..ROUNDS {
        let before = cpu_seconds("self");
        counted += repeated(TURN_HERE, count_all);
        here += cpu_seconds("self") - before;
        sent += repeated(TURN_THERE, &mut send_all);
    }
    let here = here / counted * 1e6;
    let there = (cpu_seconds(pid) - daemon_before) / sent * 1e6;
    say(&format!(
        "CPU for a million events: {here:.2} s in this process, {there:.2} s in `serve` over \
         loopback by turns, connections: {}, {:.2} x",
        senders.len(),
        there / here
    ));
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
    fn new(address: SocketAddr, sender: usize) -> Self {
        let stream = TcpStream::connect(address).expect("the daemon listens");
        Self { connection: BufReader::new(stream), next_id: sender }
    }

    /// Sends one delivery under its own ID, and reads the response.
    fn send(&mut self, body: &[u8]) {
        const ID: usize = r#"{"requestId":""#.len();
        const ID_LEN: usize = 36;
        let head = format!(
            "POST /firehose HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let id = format!("{:0ID_LEN$}", self.next_id);
        self.next_id += SENDERS;
        let start = [head.as_bytes(), &body[..ID], id.as_bytes()].concat();
        // In one write, as Firehose does, so that the daemon does not wake up for a few bytes.
        let mut pieces = &mut [IoSlice::new(&start), IoSlice::new(&body[ID + ID_LEN..])][..];
        let stream = self.connection.get_mut();
        while !pieces.is_empty() {
            let sent = stream.write_vectored(pieces).expect("the daemon reads");
            IoSlice::advance_slices(&mut pieces, sent);
        }
        let (mut line, mut len) = (String::new(), 0);
        self.connection.read_line(&mut line).expect("an answer");
        assert!(line.starts_with("HTTP/1.1 200 "), "{line}");
        while line != "\r\n" {
            line.clear();
            self.connection.read_line(&mut line).expect("a header");
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                len = value.trim().parse().expect("a length");
            }
        }
        let mut answer = vec![0; len];
        self.connection.read_exact(&mut answer).expect("an answer");
        assert!(String::from_utf8_lossy(&answer).contains(&id), "the id comes back");
    }
}
