//! Any bytes as the body of a delivery, gzip or not: walk and parser, libdeflate and stream agree.

#![no_main]

#[path = "../../../src/ses/mod.rs"]
mod ses;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    if let Err(difference) = ses::compare::delivery(body, &ses::compare::interest()) {
        panic!("{difference}");
    }
});
