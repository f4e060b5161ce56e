//! What `make test` installs. A test that needs what is missing says so and passes.

use std::path::{Path, PathBuf};

/// A program of the venv, such as `ministack`, `python` or `aws`.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let Some(emulator) = std::env::var_os("POSTMETER_MINISTACK") else {
        println!("skipped: POSTMETER_MINISTACK names no venv with {name}; `make test` installs it");
        return None;
    };
    let path = Path::new(&emulator).with_file_name(name);
    assert!(path.exists(), "{} is missing; `make clean-venv test` installs it", path.display());
    Some(path)
}

/// The rules of accessibility, which come with a browser.
pub(crate) fn axe() -> Option<PathBuf> {
    let path = std::env::var_os("POSTMETER_AXE").filter(|path| !path.is_empty());
    if path.is_none() {
        println!(
            "skipped: POSTMETER_AXE names no axe.min.js; `make test` installs a browser and it"
        );
    }
    path.map(PathBuf::from)
}
