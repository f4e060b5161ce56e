//! Tells the binary which commit it was built from: `POSTMETER_COMMIT`, else what git says.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=POSTMETER_COMMIT");
    println!("cargo::rerun-if-changed=.git/HEAD");
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
