//! Assembles the daemon: the only place that creates parts and starts tasks.
//!
//! [`App::bind`] creates the parts and binds the sockets. [`App::run`] serves until it is stopped,
//! then drains: sources reject new requests, merged counts are published, pending responses are
//! sent, and sockets are closed.

mod admin;
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

pub use daemon::{App, Drained};
pub use definitions::EXAMPLE_DEFINITIONS;
pub use drain::Ended;
pub use engine::Engine;
pub use engine_deps::EngineDeps;
pub use environment::Environment;
pub use error::StartError;
#[cfg(test)]
pub use journal::open_on as open_journal_on;
pub use listeners::check_tls;
pub use replay::{Published, Replay, ReplayError, ReplayOutcome, ReplaySettings, Replayed};
