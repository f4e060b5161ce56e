//! Prints messages for people to stderr, one line at a time.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Prints a line to stderr. A failure to print must not stop the work.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "postmeter-load: {line}");
}

/// A progress bar on stderr, shown only on a terminal.
pub(crate) fn bar(length: Option<u64>, template: &str) -> ProgressBar {
    let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
    let bar = ProgressStyle::with_template(template).map_or(bar.clone(), |it| bar.with_style(it));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// Reports each kind of rejection once, when it first occurs.
#[derive(Debug)]
pub(crate) struct Notices {
    said: Mutex<BTreeSet<String>>,
    bar: ProgressBar,
}

/// Characters of an error message that are shown.
const MESSAGE_CHARS_MAX: usize = 300;

// === impl Notices ===

impl Notices {
    pub(crate) fn new(bar: ProgressBar) -> Self {
        Self { said: Mutex::default(), bar }
    }

    pub(crate) fn refusal(&self, kind: &str, message: &str) {
        let new = {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            said.insert(kind.to_owned())
        };
        if new {
            let message: String = message
                .chars()
                .take(MESSAGE_CHARS_MAX)
                .map(|letter| if letter.is_control() { ' ' } else { letter })
                .collect();
            self.bar.suspend(|| {
                complain(&format!("rejected: {kind}: {message} (reported once per kind)"));
            });
        }
    }
}
