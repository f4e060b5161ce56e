//! Every file that `config/` ships is valid and described.

use std::fs;
use std::path::Path;

use super::{files, read};
use crate::support::command::{postmeter, text};

#[test]
fn shipped_configurations_and_definitions_pass_check() {
    let mut checked = 0;
    // Certificate files in place of those that an example names.
    let tls = tls_files();
    for file in files("config") {
        if file.ends_with("mailbox-providers.toml") {
            // A configuration names it.
            let mut check = postmeter(&["check", "--strict", "--config", "config/postmeter.toml"]);
            let output =
                check.env("POSTMETER__MAILBOX_PROVIDERS", &file).output().expect("it runs");
            assert_eq!(output.status.code(), Some(0), "{file}: {}", text(&output.stderr));
            continue;
        }
        let option = match Path::new(&file).extension().and_then(|extension| extension.to_str()) {
            Some("json") => "--definitions",
            Some("toml") => "--config",
            _ => continue,
        };
        let mut check = postmeter(&["check", "--strict", option, &file]);
        if read(&file).contains("tls_certificate = \"/") {
            check.envs(
                ["CERTIFICATE", "KEY", "CLIENT_CA"]
                    .map(|name| (format!("POSTMETER__LISTEN__TLS_{name}"), tls.path().join(name))),
            );
        }
        let output = check.output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{file}: {}", text(&output.stdout));
        checked += 1;
    }
    assert!(checked >= 8, "only {checked} files were found");
}

/// A directory with a certificate, its key and its authority.
fn tls_files() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    for (name, text) in [("CERTIFICATE", &certificate), ("CLIENT_CA", &certificate), ("KEY", &key)]
    {
        fs::write(directory.path().join(name), text).expect("it is written");
    }
    directory
}

#[test]
fn examples_are_listed_and_begin_with_a_comment() {
    let list = read("config/examples/README.md");
    for file in files("config/examples") {
        let name = file.rsplit('/').next().expect("a path has a name");
        if name == "README.md" {
            continue;
        }
        assert!(list.contains(&format!("]({name})")), "config/examples/README.md lacks {name}");
        if Path::new(name).extension().is_some_and(|extension| extension == "toml") {
            assert!(read(&file).starts_with("# "), "{file} begins without a comment");
        }
    }
}
