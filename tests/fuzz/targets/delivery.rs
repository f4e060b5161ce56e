//! Any bytes as the body of a delivery, gzip or not, read at a SIMD level by the last byte: walk and
//! parser, libdeflate and stream agree.

#![no_main]

#[path = "../../../src/ses/mod.rs"]
mod ses;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((level, body)) = bytes.split_last() else { return };
    let interest = ses::compare::interest().with_level(ses::compare::level_of(*level));
    if let Err(difference) = ses::compare::delivery(body, &interest) {
        panic!("{difference}");
    }
});
