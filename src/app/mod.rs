//! Assembles the daemon: the only place that creates parts and starts tasks.
//!
//! [`App::bind`] creates the parts and binds the sockets. [`App::run`] serves until it is stopped,
//! then drains: sources reject new requests, merged counts are published, pending responses are
//! sent, and sockets are closed.

mod admin;
mod console;
mod daemon;
mod dead_letters;
mod definitions;
mod drain;
mod engine;
mod engine_deps;
mod environment;
mod error;
mod journal;
mod listeners;
mod replay;
mod ses_api;
mod sink;
mod sources;
mod time_left;

pub use console::ConsoleEntry;
pub use daemon::{App, Drained};
pub use definitions::EXAMPLE_DEFINITIONS;
pub use environment::Environment;
pub use error::StartError;
pub(crate) use listeners::check_tls;
pub(crate) use replay::{Replay, ReplayError, ReplayOutcome, ReplaySettings, Replayed};

// The simulation runs an engine without a daemon.
#[cfg(test)]
pub(crate) use drain::Ended;
#[cfg(test)]
pub(crate) use engine::Engine;
#[cfg(test)]
pub(crate) use engine_deps::EngineDeps;
#[cfg(test)]
pub(crate) use journal::open_on as open_journal_on;
#[cfg(test)]
pub(crate) use sources::queues::{Queues, RunningQueues};

pub use crate::source::sns::WebEnvironment;
