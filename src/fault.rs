//! Injected faults, for tests of the whole process.
//!
//! A debug build reads `POSTMETER_FAULT`: a list of `POINT=ACTION` or `POINT=ACTION@N`, separated
//! by commas. Each time the program passes the point, or only the N-th time, it panics (`panic`),
//! exits like a killed process (`abort`), or keeps its thread busy for a minute (`spin`). Release
//! builds contain none of this.

/// Runs the action that `POSTMETER_FAULT` defines for this point.
///
/// # Panics
/// If the action is `panic`.
#[cfg(debug_assertions)]
pub(crate) fn hit(point: &str) {
    use std::time::{Duration, Instant};

    let Some(action) = injected::action_at(point) else { return };
    match action {
        "panic" => panic!("injected at {point}"),
        "abort" => std::process::abort(),
        "spin" => {
            let end = Instant::now() + Duration::from_mins(1);
            while Instant::now() < end {
                std::hint::spin_loop();
            }
        }
        other => panic!("POSTMETER_FAULT: {other} is not a valid action"),
    }
}

/// Does nothing in a release build.
#[cfg(not(debug_assertions))]
pub(crate) const fn hit(_point: &str) {}

#[cfg(debug_assertions)]
mod injected {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Fault {
        point: String,
        action: String,
        /// `None`: every time.
        nth: Option<u64>,
        passes: AtomicU64,
    }

    static FAULTS: OnceLock<Vec<Fault>> = OnceLock::new();

    pub(super) fn action_at(point: &str) -> Option<&'static str> {
        let faults = FAULTS.get_or_init(|| {
            let list = std::env::var("POSTMETER_FAULT").unwrap_or_default();
            list.split(',').filter_map(parse).collect()
        });
        let fault = faults.iter().find(|fault| fault.point == point)?;
        let pass = fault.passes.fetch_add(1, Ordering::Relaxed) + 1;
        fault.nth.is_none_or(|nth| nth == pass).then_some(fault.action.as_str())
    }

    fn parse(text: &str) -> Option<Fault> {
        let (point, action) = text.split_once('=')?;
        let (action, nth) = match action.split_once('@') {
            Some((action, nth)) => (action, Some(nth.parse().ok()?)),
            None => (action, None),
        };
        let (point, action) = (point.to_owned(), action.to_owned());
        Some(Fault { point, action, nth, passes: AtomicU64::new(0) })
    }
}
