//! Injected faults, drawn for each call.

use fastrand::Rng;

use crate::args::RecordArgs;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    Throttle,
    Fail,
    FailAfterAccept,
    Hang,
    HangAfterAccept,
}

/// A seeded source of faults.
#[derive(Debug)]
pub(super) struct Faults {
    rng: Rng,
    shares: [(f64, Fault); 5],
}

// === impl Faults ===

impl Faults {
    pub(super) fn new(args: &RecordArgs) -> Self {
        Self {
            rng: Rng::with_seed(args.seed),
            shares: [
                (args.throttle, Fault::Throttle),
                (args.fail, Fault::Fail),
                (args.fail_after_accept, Fault::FailAfterAccept),
                (args.hang, Fault::Hang),
                (args.hang_after_accept, Fault::HangAfterAccept),
            ],
        }
    }

    pub(super) fn draw(&mut self) -> Fault {
        let mut at = self.rng.f64();
        for (share, fault) in self.shares {
            if at < share {
                return fault;
            }
            at -= share;
        }
        Fault::None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};

    fn seeded(options: &str) -> Faults {
        let words = ["postmeter-load", "record"].into_iter().chain(options.split_whitespace());
        let Command::Record(args) = Args::parse_from(words).command else { unreachable!() };
        Faults::new(&args)
    }

    #[test]
    fn faults_come_in_their_shares_and_the_seed_fixes_them() {
        let options = "--throttle 0.1 --fail 0.2 --hang-after-accept 0.3 --seed 5";
        let draw = || {
            let mut faults = seeded(options);
            (0..10_000).map(|_| faults.draw()).collect::<Vec<_>>()
        };
        assert_eq!(draw(), draw());
        let mut counts = HashMap::new();
        for fault in draw() {
            *counts.entry(format!("{fault:?}")).or_insert(0) += 1;
        }
        let near = |fault: &str, wanted: i32| {
            let count = counts.get(fault).copied().unwrap_or(0);
            assert!((count - wanted).abs() < 300, "{fault}: {count}");
        };
        near("Throttle", 1000);
        near("Fail", 2000);
        near("HangAfterAccept", 3000);
        near("None", 4000);
        assert_eq!(counts.len(), 4);
        let mut all = seeded("--hang 1");
        assert!((0..100).all(|_| all.draw() == Fault::Hang));
    }
}
