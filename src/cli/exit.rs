//! How a command ended, and its exit code.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// Failure while running, or counts left at shutdown.
    Failed,
    /// Wrong usage, configuration or definitions.
    Usage,
}

/// The exit code of a command; prints the error, if there is one.
#[must_use]
pub fn exit_code(outcome: anyhow::Result<Exit>, warn_user: impl FnOnce(&str)) -> ExitCode {
    ExitCode::from(match outcome {
        Ok(Exit::Done) => 0,
        Ok(Exit::Failed) => 1,
        Ok(Exit::Usage) => 2,
        // The reader of stdout closed the pipe; that is not an error.
        Err(error) if is_broken_pipe(&error) => 0,
        Err(error) => {
            warn_user(&format!("{error:#}"));
            1
        }
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
