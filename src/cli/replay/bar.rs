//! A progress bar on a terminal, with the remaining time.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::AbortHandle;
use tokio::time::interval;

use crate::cli::output::warn_user;
use crate::replay::{ProgressFigures, ReplayProgress};

/// How often it is updated.
const INTERVAL: Duration = Duration::from_millis(100);

/// A bar; it is not drawn if stderr is not a terminal.
pub(super) struct ReplayBar {
    bar: ProgressBar,
    drawing: OnceLock<AbortHandle>,
}

// === impl ReplayBar ===

impl ReplayBar {
    pub(super) fn new() -> Self {
        // Shown until the objects are listed.
        let bar = ProgressBar::no_length();
        if let Ok(style) = ProgressStyle::with_template("{spinner} looking for objects {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(INTERVAL);
        Self { bar, drawing: OnceLock::new() }
    }

    /// Prints lines above the bar.
    pub(super) fn say(&self) -> impl Fn(&str) + Send + Sync + 'static {
        let bar = self.bar.clone();
        move |line| bar.suspend(|| warn_user(line))
    }

    /// Shows the progress in objects and bytes.
    pub(super) fn follow(&self, (objects, bytes): (u64, u64), progress: Arc<ReplayProgress>) {
        let bar = self.bar.clone();
        bar.disable_steady_tick();
        bar.set_length(bytes);
        bar.reset();
        let template = "{bar:12} {eta} left  {msg}  {bytes}/{total_bytes}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if bar.is_hidden() {
            return;
        }
        let started = Instant::now();
        let drawing = tokio::spawn(async move {
            let mut ticks = interval(INTERVAL);
            loop {
                ticks.tick().await;
                let figures = progress.figures();
                bar.set_position(figures.bytes);
                bar.set_message(message(figures, objects, started.elapsed()));
            }
        });
        let _ = self.drawing.set(drawing.abort_handle());
    }

    pub(super) fn end(&self) {
        if let Some(drawing) = self.drawing.get() {
            drawing.abort();
        }
        self.bar.finish_and_clear();
    }
}

impl Drop for ReplayBar {
    fn drop(&mut self) {
        self.end();
    }
}

fn message(figures: ProgressFigures, objects: u64, elapsed: Duration) -> String {
    let ProgressFigures { objects: done, events, .. } = figures;
    if done == objects {
        return format!("{done}/{objects} objects  publishing");
    }
    let ms = elapsed.as_millis().max(1);
    let rate = u128::from(events) * 1000 / ms;
    format!("{done}/{objects} objects  {rate} events/s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_has_progress_and_rate() {
        let figures = ProgressFigures { objects: 3, bytes: 7, events: 5000 };
        assert_eq!(message(figures, 4, Duration::from_secs(2)), "3/4 objects  2500 events/s");
        assert_eq!(message(figures, 4, Duration::ZERO), "3/4 objects  5000000 events/s");
        assert_eq!(message(figures, 3, Duration::from_secs(2)), "3/3 objects  publishing");
    }
}
