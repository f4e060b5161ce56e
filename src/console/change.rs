//! Changes of definitions, as those of the SES API: in the document and active, or not at all.

use crate::api::{ApiError, ErrorKind};
use crate::console::Console;
use crate::console::visit::Visit;
use crate::definitions::{Definitions, quote_name};
use crate::telemetry::ApiOutcome;

/// What a change is about, for the audit log.
#[derive(Clone, Debug)]
pub(super) struct ChangeSubject {
    /// The operation of SES that does the same.
    pub operation: &'static str,
    pub set: String,
    pub destination: Option<String>,
}

/// Changes the definitions, and logs who did it. `change` also checks that no other editor changed the
/// same thing since the form was made; see [`stale`].
///
/// # Errors
/// Nothing has changed, except perhaps after an internal error.
pub(super) async fn change(
    console: &Console,
    visit: &Visit,
    subject: ChangeSubject,
    change: impl FnOnce(&mut Definitions) -> Result<(), ApiError> + Send + 'static,
) -> Result<(), ApiError> {
    let outcome = if let Err(why) = visit.may_write(console) {
        Err(ApiError::new(ErrorKind::AccessDenied, why))
    } else {
        let catalog = console.deps().catalog.clone();
        // In a task of its own, so that a change completes even if the browser disconnects.
        let running = tokio::spawn(async move { catalog.change(change).await });
        let failed = |_| {
            let message = "Internal error while changing the definitions.";
            Err(ApiError::new(ErrorKind::Internal, message))
        };
        running.await.map_or_else(failed, |changed| changed.map_err(ApiError::from))
    };
    log(visit, &subject, outcome.as_ref().err());
    console.deps().metrics.console_changes.increment(match &outcome {
        Ok(()) => ApiOutcome::Answered,
        Err(error) if error.kind.is_denial() => ApiOutcome::Denied,
        Err(ApiError { kind: ErrorKind::Internal, .. }) => ApiOutcome::Failed,
        Err(_) => ApiOutcome::Refused,
    });
    outcome
}

/// The error of a form whose subject was changed meanwhile.
pub(super) fn stale() -> ApiError {
    let message = "It was changed by somebody else since this form was opened.";
    ApiError::new(ErrorKind::ConcurrentModification, message)
}

fn log(visit: &Visit, subject: &ChangeSubject, error: Option<&ApiError>) {
    let set = quote_name(&subject.set);
    let destination = subject.destination.as_deref().map(quote_name);
    let peer = visit.peer.map(tracing::field::display);
    let (user, operation) = (visit.actor(), subject.operation);
    match error {
        None => tracing::info!(
            user,
            peer,
            operation,
            configuration_set = set,
            destination,
            outcome = "done",
            "definitions changed"
        ),
        Some(error) => tracing::warn!(
            user,
            peer,
            operation,
            configuration_set = set,
            destination,
            outcome = error.v2_code().1,
            "change in the console rejected"
        ),
    }
}
