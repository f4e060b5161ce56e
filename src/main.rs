//! The daemon and its tools. Everything is in the library.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

/// Returns the memory of large buffers at once, on whatever thread they lived:
/// docs/internals/decisions/0023-jemalloc.md.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    postmeter::cli::run()
}
