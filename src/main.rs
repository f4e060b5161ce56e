//! The daemon and its tools. Everything is in the library.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    postmeter::cli::run()
}
