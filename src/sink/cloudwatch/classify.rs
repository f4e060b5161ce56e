//! Interprets CloudWatch's response to a call, or the lack of one. Pure code.

use std::collections::BTreeSet;

use crate::aws::{AwsError, AwsErrorKind};
use crate::sink::{Culprit, Failure};

/// The permission that publishing requires.
pub(super) const ACTION: &str = "cloudwatch:PutMetricData";

/// Interprets a response. `datums` is the number of datums in the call.
pub(super) fn answered(
    status: u16,
    code: Option<&str>,
    message: Option<&str>,
    datums: usize,
) -> Failure {
    let error = AwsError::answered(status, code, message, ACTION);
    if error.kind == AwsErrorKind::Throttled || status == 408 {
        return Failure::NotIngested(error.to_string());
    }
    if status >= 500 {
        return Failure::Unknown(error.to_string());
    }
    if status == 413 || code == Some("RequestEntityTooLarge") {
        return Failure::TooLarge(error.to_string());
    }
    if error.kind.is_of_caller() {
        return Failure::Denied(error.to_string());
    }
    if status == 400 {
        // The message may quote values of events, which must not be logged.
        let why = || AwsError::answered(status, code, None, ACTION).to_string();
        let message = message.unwrap_or_default();
        let named = named_datums(message, datums);
        return Failure::Invalid(if !named.is_empty() {
            Culprit::Datums(named)
        } else if message.contains("parameter Namespace") {
            Culprit::Other(why())
        } else {
            Culprit::Unnamed(why())
        });
    }
    // A redirect, or a proxy's 404: this is not a response of CloudWatch.
    Failure::Unknown(error.to_string())
}

/// The datums that a message names as `MetricData.member.N`, N from 1.
fn named_datums(message: &str, datums: usize) -> BTreeSet<usize> {
    let members = message.split("MetricData.member.").skip(1);
    members
        .filter_map(|rest| {
            let digits = rest.split(|next: char| !next.is_ascii_digit()).next()?;
            digits.parse::<usize>().ok()?.checked_sub(1)
        })
        .filter(|at| *at < datums)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_means_what_rule_f_says() {
        let kind = |status, code: &str, message: &str| {
            let code = Some(code).filter(|code| !code.is_empty());
            match answered(status, code, Some(message), 3) {
                Failure::NotIngested(_) => "not ingested".to_owned(),
                Failure::TooLarge(_) => "too large".to_owned(),
                Failure::Denied(_) => "denied".to_owned(),
                Failure::Unknown(_) | Failure::TimedOut(_) => "unknown".to_owned(),
                Failure::Invalid(Culprit::Datums(at)) => format!("datums {at:?}"),
                Failure::Invalid(Culprit::Other(_)) => "other".to_owned(),
                Failure::Invalid(Culprit::Unnamed(_)) => "unnamed".to_owned(),
            }
        };
        for (status, code, message, expected) in [
            (400, "Throttling", "Rate exceeded", "not ingested"),
            (429, "", "", "not ingested"),
            (408, "", "", "not ingested"),
            (413, "", "", "too large"),
            (403, "AccessDenied", "", "denied"),
            (401, "", "", "denied"),
            (400, "ExpiredToken", "", "denied"),
            (500, "InternalServiceError", "", "unknown"),
            (503, "ServiceUnavailable", "", "unknown"),
            (503, "SlowDown", "", "not ingested"),
            (302, "", "", "unknown"),
            (400, "InvalidParameterValue", "MetricData.member.2.Value is invalid", "datums {1}"),
            (
                400,
                "InvalidParameterValue",
                "MetricData.member.1.Unit\nMetricData.member.3.Dimensions.member.1.Value",
                "datums {0, 2}",
            ),
            (400, "InvalidParameterValue", "MetricData.member.4.Value is invalid", "unnamed"),
            (400, "InvalidParameterValue", "MetricData.member.0.Value is invalid", "unnamed"),
            (400, "InvalidParameterValue", "The parameter Namespace is invalid", "other"),
            (400, "ValidationError", "", "unnamed"),
        ] {
            assert_eq!(kind(status, code, message), expected, "{status} {code} {message}");
        }
    }
}
