//! Any bytes as a text: the fast way to a value gives what the reference gives.

#![no_main]

#[path = "../../../src/ses/mod.rs"]
mod ses;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    if let Err(difference) = ses::compare::text(text, &ses::compare::interest()) {
        panic!("{difference}");
    }
});
