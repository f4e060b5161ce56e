//! The table of promises names existing tests.

use super::read;

const PROMISES: &str = "tests/PROMISES.md";

/// Every promise names tests, and every named test exists.
#[test]
fn promises_are_held_by_tests_that_exist() {
    let page = read(PROMISES);
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise"));
    let mut promises = 0;
    for row in rows {
        let (_, held_by) = row.trim_matches('|').split_once('|').expect("a row has two cells");
        let tests: Vec<_> = held_by.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "{PROMISES}: no test holds this: {row}");
        for test in tests {
            let (file, name) = test.split_once("::").expect("a test is FILE::NAME");
            assert!(is_test(&read(file), name), "{PROMISES}: {file} has no test {name}");
        }
        promises += 1;
    }
    assert!(promises > 20, "only {promises} promises were found");
}

/// Whether a source has a function of this name that is a test, by its attribute or `proptest!`.
fn is_test(source: &str, name: &str) -> bool {
    let Some((before, _)) = source.split_once(&format!("fn {name}(")) else { return false };
    let attributes = before.rsplit('\n').skip(1).take_while(|line| {
        let line = line.trim_start();
        line.starts_with('#') || line.starts_with("///")
    });
    attributes.into_iter().any(|line| line.contains("#[test]") || line.contains("#[tokio::test"))
}

#[test]
fn function_without_attribute_is_not_a_test() {
    let source =
        "fn a() {}\n\n#[test]\nfn b() {}\n\n#[tokio::test(x)]\nasync fn c() {\nfn d() {}\n";
    assert_eq!(
        ["a", "b", "c", "d", "e"].map(|name| is_test(source, name)),
        [false, true, true, false, false]
    );
}
