//! Reads made-up documents at every SIMD level of this machine, and by the reference: DOCUMENTS of
//! them (200,000), from SEED (1) on. `make differential` runs it, and `make planted` over planted bugs.

#[path = "../../../src/ses/mod.rs"]
mod ses;

use ses::compare::differential;

/// Documents of one seed. Those of every second seed are also read for fields.
const PART: u64 = 10_000;

fn number(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

fn main() -> std::process::ExitCode {
    let (documents, first) = (number("DOCUMENTS", 200_000), number("SEED", 1));
    let mut done = differential::DocumentCounts::default();
    for seed in first.. {
        match differential::run(seed, PART.min(documents - done.documents)) {
            Ok(part) => done.add(&part),
            Err(difference) => {
                println!("{difference}");
                return std::process::ExitCode::FAILURE;
            }
        }
        if done.documents == documents {
            break;
        }
    }
    let levels: Vec<_> = ses::compare::levels().into_iter().map(|(name, _)| name).collect();
    let differential::DocumentCounts { documents, valid, fast } = done;
    println!("{documents} documents at each of {}: no difference; {valid} valid, {fast} read by the fast reader alone", levels.join(", "));
    std::process::ExitCode::SUCCESS
}
