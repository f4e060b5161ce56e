//! The map in ARCHITECTURE.md is correct: every module has a row with the modules that it imports.

use std::collections::{BTreeMap, BTreeSet};

use super::{files, read};

/// The modules of the map in order, each with those that it may import as `crate::…`.
fn map() -> Vec<(String, BTreeSet<String>)> {
    let architecture = read("ARCHITECTURE.md");
    let rows = architecture.lines().filter(|line| line.starts_with("| `src/"));
    let rows: Vec<_> = rows.map(|row| row.trim_matches('|').split('|').collect()).collect();
    let names: Vec<_> = rows.iter().map(|row: &Vec<&str>| module_names(row[0])).collect();
    let all: BTreeSet<_> = names.iter().flatten().cloned().collect();
    let mut map = Vec::new();
    for (row, names) in rows.iter().zip(names) {
        let cell = row.last().expect("a row has cells").trim();
        let quoted: BTreeSet<_> = quoted(cell).map(str::to_owned).collect();
        for name in names {
            let imports = if cell.starts_with("all but ") {
                all.iter()
                    .filter(|other| **other != name && !quoted.contains(*other))
                    .cloned()
                    .collect()
            } else {
                quoted.clone()
            };
            map.push((name, imports));
        }
    }
    map
}

/// The text between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The modules that the first cell of a row names.
fn module_names(cell: &str) -> Vec<String> {
    quoted(cell).filter_map(|file| Some(module_of(file)?.to_owned())).collect()
}

/// The top-level module of a source file; `None` for `lib.rs`, binaries, and test files, which may
/// import anything.
fn module_of(file: &str) -> Option<&str> {
    let rest = file.strip_prefix("src/")?;
    if rest.contains("/tests/") || rest.ends_with("/tests.rs") {
        return None;
    }
    let module = rest.split('/').next()?.trim_end_matches(".rs");
    (!matches!(module, "lib" | "main" | "bin")).then_some(module)
}

/// The top-level modules that a source text names, without comments and the tests at its end.
fn imports(source: &str) -> BTreeSet<String> {
    let source = source.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(source);
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let (names, is_list) = rest.strip_prefix('{').map_or((rest, false), |names| (names, true));
        assert!(!is_list, "one `use crate::…` for each module, so that this test can read it");
        let end = names.find(|letter: char| !letter.is_ascii_lowercase() && letter != '_');
        found.insert(names[..end.unwrap_or(names.len())].to_owned());
    }
    found
}

#[test]
fn modules_import_what_the_map_says() {
    let mut real: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files("src") {
        let Some(module) = module_of(&file) else { continue };
        let found = real.entry(module.to_owned()).or_default();
        found.extend(imports(&read(&file)).into_iter().filter(|import| import != module));
    }
    let map: BTreeMap<_, _> = map().into_iter().collect();
    for (module, imports) in &real {
        let stated = map.get(module).unwrap_or_else(|| panic!("ARCHITECTURE.md has no {module}"));
        assert_eq!(imports, stated, "left: imports of {module}; right: its row in ARCHITECTURE.md");
    }
    assert_eq!(real.len(), map.len(), "ARCHITECTURE.md has a row for a module that is not there");
}

#[test]
fn modules_import_upward_in_the_map() {
    let map = map();
    let mut above: BTreeSet<&str> = BTreeSet::new();
    let mut downward = Vec::new();
    for (module, imports) in &map {
        let below = imports.iter().filter(|import| !above.contains(import.as_str()));
        downward.extend(below.map(|import| (module.as_str(), import.as_str())));
        above.insert(module);
    }
    assert_eq!(downward, [], "imports of modules that are not above in ARCHITECTURE.md");
}
