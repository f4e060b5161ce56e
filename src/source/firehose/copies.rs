//! A delivery without the events that others have counted.

use bytes::Bytes;

use super::cores::{Cores, is_quick};
use crate::ack::{Stage, Waiter};
use crate::dead_letters::DeadLetters;
use crate::pipeline::{Batch, Claim, Intake};
use crate::ses::read_request;

/// Claims the events of a batch, and reads it again without those that were counted elsewhere
/// meanwhile; `None` when that panicked.
pub async fn claim(
    intake: &Intake,
    cores: &Cores,
    dead_letters: Option<&DeadLetters>,
    batch: &mut Batch,
    body: &Bytes,
) -> Option<Claim> {
    let quick = is_quick(body);
    loop {
        let known = match intake.claim(batch).await {
            Ok(claim) => return Some(claim),
            Err(known) => known,
        };
        batch.leave_out(known);
        let (blank, body, dead_letters) = (batch.blank(None), body.clone(), dead_letters.cloned());
        let read = move || read_again(&body, &blank, dead_letters.as_ref());
        let read = cores.run(quick, read);
        // It was read before, so it is a delivery.
        *batch = read.await?.ok()?;
    }
}

/// Reads a body into a batch like the blank one.
fn read_again(
    body: &[u8],
    blank: &Batch,
    dead_letters: Option<&DeadLetters>,
) -> Result<Batch, &'static str> {
    let rules = blank.rules();
    let fresh = || blank.blank(dead_letters.map(DeadLetters::letters));
    read_request(body, rules.interest())?.read(rules.interest(), fresh)
}

/// Ends the claim of a merged request. Where answers wait for counts, so does a request with copies
/// of them: its answer stands for them too.
pub fn end_claim(claim: Claim, mut waiter: Waiter, answers_when_settled: bool) {
    if !answers_when_settled || claim.is_empty() {
        return claim.counted();
    }
    tokio::spawn(async move {
        waiter.wait(|stage| !matches!(stage, Stage::Reading | Stage::Merged)).await;
        claim.counted();
    });
}
