//! Any bytes as a text, read at a SIMD level by the last byte: the fast way to a value gives what the
//! reference gives.

#![no_main]

#[path = "../../../src/ses/mod.rs"]
mod ses;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((level, text)) = bytes.split_last() else { return };
    let level = ses::compare::level_of(*level);
    for interest in [ses::compare::interest(), ses::compare::interest_in_fields()] {
        if let Err(difference) = ses::compare::text(text, &interest.with_level(level)) {
            panic!("{difference}");
        }
    }
});
