//! Tells the binary which commit it was built from: `POSTMETER_COMMIT`, else what git says.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=POSTMETER_COMMIT");
    // Grows with every commit. Cargo would rerun this each time for a file that is not there.
    let log = ".git/logs/HEAD";
    let log = if Path::new(log).exists() { log } else { "build.rs" };
    println!("cargo::rerun-if-changed={log}");
    if std::env::var_os("POSTMETER_COMMIT").is_some() {
        return;
    }
    let git = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    if let Ok(output) = git
        && output.status.success()
    {
        let commit = String::from_utf8_lossy(&output.stdout);
        println!("cargo::rustc-env=POSTMETER_COMMIT={}", commit.trim());
    }
}
