//! Links are valid, and every page is reachable.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::{pages, pages_of_docs, prose, read};
use crate::support::command::project_file;

const SUMMARY: &str = "docs/SUMMARY.md";

/// The targets of a page's links.
fn links(prose: &str) -> impl Iterator<Item = &str> {
    prose.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> BTreeSet<String> {
    let prose = prose(page);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    headings
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|title| title.chars().filter(kept).collect::<String>().replace(' ', "-"))
        .collect()
}

#[test]
fn links_lead_to_files_and_headings_that_exist() {
    let mut checked = 0;
    let mut dead = Vec::new();
    for name in pages() {
        let folder = project_file(&name).parent().map(PathBuf::from).expect("it is in a folder");
        for link in links(&prose(&read(&name))).filter(|link| !link.starts_with("http")) {
            checked += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { project_file(&name) } else { folder.join(file) };
            if !target.exists() {
                dead.push(format!("{name}: no file {link}"));
            } else if !anchor.is_empty() {
                let target = fs::read_to_string(&target).expect("an anchor is in a text");
                if !anchors(&target).contains(anchor) {
                    dead.push(format!("{name}: no heading for {link}"));
                }
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
    assert!(checked > 200, "only {checked} links were found");
}

#[test]
fn pages_of_docs_are_all_in_the_summary() {
    let summary = read(SUMMARY);
    let listed: BTreeSet<_> = links(&summary).map(|link| format!("docs/{link}")).collect();
    let there: BTreeSet<_> = pages_of_docs().into_iter().filter(|page| page != SUMMARY).collect();
    assert_eq!(listed, there, "left: {SUMMARY}; right: the pages");
}

#[test]
fn links_and_anchors_are_not_those_of_code() {
    let page = "# One: `two`\n[a](b#c) ![d](e)\n```sh\n# three\n[f](g)\n```\n";
    assert_eq!(links(&prose(page)).collect::<Vec<_>>(), ["b#c", "e"]);
    assert_eq!(anchors(page), BTreeSet::from(["one-two".to_owned()]));
}
