//! Patches that pages show apply to the code.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

use super::{pages, read};
use crate::support::command::{root, text};

/// The fenced blocks of a page that are marked as `diff`.
fn patches(page: &str) -> impl Iterator<Item = &str> {
    let blocks = page.split("\n```diff\n").skip(1);
    blocks.map(|block| block.split("```").next().expect("a first part"))
}

#[test]
fn patches_of_pages_apply() {
    let mut applied = 0;
    for page in pages() {
        for patch in patches(&read(&page)) {
            let mut git = Command::new("git");
            git.args(["apply", "--check", "-"]).current_dir(root());
            let git = git.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
            let mut git = match git {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    println!("skipped: git is not installed");
                    return;
                }
                git => git.expect("git starts"),
            };
            let mut stdin = git.stdin.take().expect("stdin is piped");
            stdin.write_all(patch.as_bytes()).expect("git reads the patch");
            drop(stdin);
            let output = git.wait_with_output().expect("git ends");
            assert!(output.status.success(), "{page}: {}\n{patch}", text(&output.stderr));
            applied += 1;
        }
    }
    assert!(applied > 0, "no page shows a patch");
}
