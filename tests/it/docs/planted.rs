//! The deliberately planted bugs apply to the code.

use super::{files, read};

/// `make planted` takes minutes; this detects a patch that no longer applies at once.
#[test]
fn planted_bugs_fit_the_code() {
    let patches = files("tests/planted");
    assert!(!patches.is_empty());
    for patch in patches {
        let text = read(&patch);
        assert!(text.lines().next().is_some_and(|why| why.ends_with('.')), "{patch} says why");
        let mut hunks = text.split("\n@@ ");
        let head = hunks.next().expect("there is a first part");
        let file = head.rsplit("+++ b/").next().expect("it names a file").trim();
        let code = read(file);
        let hunks: Vec<_> = hunks.collect();
        assert!(!hunks.is_empty(), "{patch} changes nothing");
        for hunk in hunks {
            let lines = hunk.lines().skip(1).filter(|line| !line.starts_with('+'));
            let lines = lines.filter_map(|line| line.get(1..));
            let old = lines.collect::<Vec<_>>().join("\n");
            assert!(code.contains(&old), "{patch} does not fit {file}:\n{old}");
        }
    }
}
