//! The real daemon as a separate process, with signals and exit codes.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::app::{PATIENCE, metric_of, until_metric};
use super::command::postmeter;
use super::firehose::{Firehose, get};

/// A daemon. Killed when it is dropped.
pub(crate) struct Daemon {
    child: Child,
    stderr: Receiver<String>,
    seen: Vec<String>,
    pub http: SocketAddr,
    pub admin: SocketAddr,
    /// The address of the SES API, if it is served.
    pub ses_api: Option<SocketAddr>,
}

/// Resident memory of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub now: u64,
    pub peak: u64,
}

impl Daemon {
    /// Starts `postmeter serve` with these variables, and waits until it serves.
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        Self::spawn(&mut postmeter(&["serve"]), variables)
    }

    /// Starts a command that becomes `postmeter serve`.
    pub(crate) fn spawn(command: &mut Command, variables: &[(&str, &str)]) -> Self {
        let mut child = command
            .envs([
                ("AWS_ACCESS_KEY_ID", "AKID"),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
                ("AWS_REGION", "us-east-1"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
                ("POSTMETER__LISTEN__HTTP", "127.0.0.1:0"),
                ("POSTMETER__LISTEN__ADMIN", "127.0.0.1:0"),
                ("POSTMETER__DEFINITIONS", "config/definitions.json"),
                ("POSTMETER__CLOUDWATCH__FLUSH_INTERVAL", "200ms"),
                ("POSTMETER__CLOUDWATCH__CONNECT_TIMEOUT", "1s"),
                ("POSTMETER__CLOUDWATCH__ATTEMPT_TIMEOUT", "1s"),
                ("POSTMETER__TELEMETRY__OWN_NAMESPACE", ""),
            ])
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let (lines, receiver) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut daemon = Self {
            child,
            stderr: receiver,
            seen: Vec::new(),
            http: nowhere,
            admin: nowhere,
            ses_api: None,
        };
        let serving = daemon.wait_for_line("\"message\":\"serving\"");
        let line: Value = serde_json::from_str(&serving).expect("a log line is JSON");
        let address = |key: &str| line[key].as_str().expect(key).parse().expect("an address");
        (daemon.http, daemon.admin) = (address("http"), address("admin"));
        daemon.ses_api = line["ses_api"].as_str().map(|_| address("ses_api"));
        daemon
    }

    /// A counter or gauge of `/metrics`, by name and labels; 0 when there is none.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        metric_of(&get(self.admin, "/metrics").await.1, name)
    }

    /// Polls a metric until it meets a condition; panics if that takes too long.
    pub(crate) async fn until_metric(&self, name: &str, is_there: impl Fn(u64) -> bool) {
        until_metric(self.admin, name, is_there).await;
    }

    /// SIGTERM, and a successful exit.
    pub(crate) async fn end(self) {
        self.signal("TERM");
        let (status, took, stderr) =
            tokio::task::spawn_blocking(|| self.wait()).await.expect("it ends");
        assert_eq!(status.code(), Some(0), "{stderr:#?}");
        assert!(took < Duration::from_secs(25), "within the grace, not {took:?}");
    }

    /// SIGKILL.
    pub(crate) async fn kill(self) {
        self.signal("KILL");
        tokio::task::spawn_blocking(|| self.wait()).await.expect("it ends");
    }

    pub(crate) fn firehose(&self) -> Firehose {
        Firehose::new(self.http, "")
    }

    /// Resident memory now and its peak, in bytes; `None` without `/proc`.
    pub(crate) fn memory(&self) -> Option<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(
                line.trim_start_matches(':').trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10,
            )
        };
        Some(Memory { now: bytes("VmRSS")?, peak: bytes("VmHWM")? })
    }

    /// User and system time so far, in seconds; `None` without `/proc`.
    pub(crate) fn cpu_seconds(&self) -> Option<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // After the name, which may contain anything: the state is the third field, and the times
        // are the 14th and 15th. A tick is a hundredth of a second on every Linux.
        let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
        Some((ticks(11)? + ticks(12)?) / 100.0)
    }

    /// Waits for a line on stderr that contains a text.
    pub(crate) fn wait_for_line(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.stderr.recv_timeout(deadline - Instant::now()) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no {text:?} on stderr in time"),
                Err(RecvTimeoutError::Disconnected) => panic!("{:#?}", self.seen),
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for the exit; returns the status, how long it took, and all of stderr.
    pub(crate) fn wait(mut self) -> (ExitStatus, Duration, Vec<String>) {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                break status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end");
            // Waits for output: a line, or the end of stderr.
            if let Ok(line) = self.stderr.recv_timeout(Duration::from_millis(20)) {
                self.seen.push(line);
            }
        };
        let took = started.elapsed();
        let mut seen = std::mem::take(&mut self.seen);
        seen.extend(self.stderr.iter());
        (status, took, seen)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Usually it has exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
