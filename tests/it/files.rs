//! Files of the daemon: accessible to one user only, and never written through a symbolic link.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::support::command::{postmeter, text};
use crate::support::process::Daemon;
use crate::support::traffic::send_of;

fn mode_of(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it exists").permissions().mode() & 0o777
}

fn str_of(path: &Path) -> &str {
    path.to_str().expect("a name in UTF-8")
}

/// Starts a daemon that cannot start; returns its error.
fn refused(variables: &[(&str, &str)]) -> String {
    let mut command = postmeter(&["serve"]);
    command.envs([
        ("POSTMETER__DEFINITIONS", "config/definitions.json"),
        ("POSTMETER__CLOUDWATCH__PUBLISH", "memory"),
        ("POSTMETER__LISTEN__HTTP", "127.0.0.1:0"),
        ("POSTMETER__LISTEN__ADMIN", "127.0.0.1:0"),
    ]);
    let output = command.envs(variables.iter().copied()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    text(&output.stderr).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_and_files_are_private_and_a_linked_directory_is_named() {
    let outer = tempfile::tempdir().expect("a directory");
    let at = |name: &str| outer.path().join(name);
    symlink(at("real-journal"), at("journal")).expect("a link");
    fs::create_dir(at("real-journal")).expect("a directory");
    fs::set_permissions(at("real-journal"), fs::Permissions::from_mode(0o755))
        .expect("they are set");
    let (journal, letters) = (at("journal"), at("letters"));
    let daemon = Daemon::start(&[
        ("POSTMETER__CLOUDWATCH__PUBLISH", "memory"),
        ("POSTMETER__FIREHOSE__ACKNOWLEDGE", "journaled"),
        ("POSTMETER__JOURNAL__DIRECTORY", str_of(&journal)),
        ("POSTMETER__DEAD_LETTERS__DIRECTORY", str_of(&letters)),
    ]);
    let reply = daemon.firehose().deliver("a", &[send_of("a"), "no JSON".to_owned()]).await;
    assert_eq!(reply.status, 200);
    daemon.signal("TERM");
    let (status, _, said) = tokio::task::spawn_blocking(|| daemon.wait()).await.expect("it ends");
    let said = said.join("\n");
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("symbolic link resolved") && said.contains("real-journal"), "{said}");
    assert!(said.contains("run chmod 700 on it") && said.contains("\"mode\":\"755\""), "{said}");
    assert_eq!(mode_of(&letters), 0o700);
    for directory in [letters, at("real-journal")] {
        for entry in fs::read_dir(directory).expect("it is there").flatten() {
            if entry.file_type().expect("a type").is_file() {
                assert_eq!(mode_of(&entry.path()), 0o600, "{:?}", entry.path());
            }
        }
    }
}

#[test]
fn links_in_place_of_files_are_rejected_with_a_fix() {
    let outer = tempfile::tempdir().expect("a directory");
    let at = |name: &str| outer.path().join(name);
    fs::write(at("victim"), "kept").expect("it is written");
    fs::create_dir(at("journal")).expect("a directory");
    symlink(at("victim"), at("journal/lock")).expect("a link");
    let said = refused(&[
        ("POSTMETER__FIREHOSE__ACKNOWLEDGE", "journaled"),
        ("POSTMETER__JOURNAL__DIRECTORY", str_of(&at("journal"))),
    ]);
    assert!(said.contains("lock is a symbolic link; replace it with the file itself"), "{said}");

    // As Kubernetes mounts a ConfigMap.
    fs::create_dir(at("..2026")).expect("a directory");
    fs::copy("config/definitions.json", at("..2026/definitions.json")).expect("they are there");
    symlink("..2026", at("..data")).expect("a link");
    symlink("..data/definitions.json", at("definitions.json")).expect("a link");
    let said = refused(&[
        ("POSTMETER__DEFINITIONS", str_of(&at("definitions.json"))),
        ("POSTMETER__SES_API__LISTEN", "127.0.0.1:0"),
        ("POSTMETER__SES_API__AUTH", "none"),
    ]);
    assert!(said.contains("definitions.json is a symbolic link (to "), "{said}");
    assert!(said.contains("set `definitions` to a regular file"), "{said}");
    assert_eq!(fs::read_to_string(at("victim")).expect("text"), "kept");
}
