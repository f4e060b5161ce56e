//! Runs the real binary.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A command with a clean environment, independent of a developer's settings. `POSTMETER_BINARY`
/// names another build of it, such as a release.
pub(crate) fn postmeter(args: &[&str]) -> Command {
    let other = std::env::var_os("POSTMETER_BINARY");
    let mut command = Command::new(other.unwrap_or_else(|| env!("CARGO_BIN_EXE_postmeter").into()));
    clean(command.args(args));
    command
}

/// Clears a command's environment, except for the stack size that unoptimized code needs.
pub(crate) fn clean(command: &mut Command) -> &mut Command {
    let stack = "RUST_MIN_STACK";
    command.env_clear().envs(std::env::var_os(stack).map(|size| (stack, size)));
    command.current_dir(root())
}

/// Runs a command to its end with bytes on stdin.
pub(crate) fn run_with_stdin(args: &[&str], stdin: &[u8]) -> Output {
    let mut child = postmeter(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut pipe = child.stdin.take().expect("stdin is piped");
    let stdin = stdin.to_vec();
    let writer = std::thread::spawn(move || {
        // The command may exit before it has read everything.
        let _ = pipe.write_all(&stdin);
    });
    let output = child.wait_with_output().expect("the binary ends");
    writer.join().expect("the writer ends");
    output
}

pub(crate) fn run(args: &[&str]) -> Output {
    run_with_stdin(args, b"")
}

/// The project's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the project.
pub(crate) fn project_file(path: &str) -> PathBuf {
    root().join(path)
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("output is UTF-8")
}
