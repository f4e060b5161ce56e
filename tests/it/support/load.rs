//! Runs the real load generator.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};

use super::app::PATIENCE;
use super::command::clean;
use super::process::Daemon;

/// A command with a clean environment.
pub(crate) fn load(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postmeter-load"));
    clean(command.args(args));
    command
}

/// Runs it to the end without blocking the test's servers. The load generator bounds its own waits.
pub(crate) async fn run(args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = load(args);
    command.envs(variables.iter().copied());
    let ran = tokio::task::spawn_blocking(move || command.output());
    ran.await.expect("it does not panic").expect("the harness starts")
}

/// The result of running a target.
pub(crate) struct Ran {
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
    /// `Null` when no report was written.
    pub report: Value,
}

/// Runs a target with a report.
pub(crate) async fn report(args: &[&str], variables: &[(&str, &str)]) -> Ran {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("report.json");
    let path = path.to_str().expect("a name in UTF-8");
    let output = run(&[args, &["--json", path]].concat(), variables).await;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    let report = std::fs::read(path).ok();
    Ran {
        exit: output.status.code().expect("it ends by itself"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        report: report.map_or(Value::Null, |json| serde_json::from_slice(&json).expect("JSON")),
    }
}

/// `postmeter-load record`. Killed when it is dropped.
pub(crate) struct Recorder {
    child: Child,
    stderr: Receiver<String>,
    stdout: NamedTempFile,
    pub address: SocketAddr,
    pub url: String,
}

impl Recorder {
    pub(crate) fn start(args: &[&str]) -> Self {
        let stdout = NamedTempFile::new().expect("a file");
        let mut child = load(&[&["record", "--listen", "127.0.0.1:0"], args].concat())
            .stdin(Stdio::null())
            .stdout(stdout.reopen().expect("the file"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("the recorder starts");
        let (said, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // The test may have seen enough.
                let _ = said.send(line);
            }
        });
        let line = lines.recv_timeout(PATIENCE).expect("it says where it listens");
        let url = line.split("recording on ").nth(1).and_then(|rest| rest.split(';').next());
        let url = url.unwrap_or_else(|| panic!("{line}")).to_owned();
        let address = url.strip_prefix("http://").expect("a URL").parse().expect("an address");
        Self { child, stderr: lines, stdout, address, url }
    }

    /// A daemon that publishes to this recorder.
    pub(crate) fn daemon(&self, variables: &[(&str, &str)]) -> Daemon {
        let here = [("AWS_ENDPOINT_URL_CLOUDWATCH", self.url.as_str())];
        Daemon::start(&[&here, variables].concat())
    }

    /// Stops it with SIGTERM; returns its output.
    pub(crate) fn stop(mut self) -> String {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &id]).status().expect("kill runs");
        assert!(killed.success());
        // It has ended when its output ends.
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.stderr.recv_timeout(deadline - Instant::now()) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end"),
            }
        }
        let status = self.child.wait().expect("it can be waited for");
        assert!(status.success(), "{status}");
        read(self.stdout.path())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Usually it has exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
