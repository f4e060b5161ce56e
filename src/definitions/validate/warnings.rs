//! Warnings about valid destinations that do not count what they seem to count.

use super::report::{FindingReport, Spot, quote};
use crate::definitions::model::{Destination, Dimension, OnInvalidValue, ValueSource};
use crate::ses::{EventType, EventTypeSet};

/// Headers of RFC 5322 and its extensions whose syntax needs characters that a dimension value must
/// not have, such as spaces, commas, colons, slashes and angle brackets; and `Subject`, which is
/// prose.
const HEADERS_WITHOUT_VALUES: [&str; 15] = [
    "ARC-Authentication-Results",
    "ARC-Message-Signature",
    "ARC-Seal",
    "Authentication-Results",
    "Content-Type",
    "Date",
    "Feedback-ID",
    "In-Reply-To",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "References",
    "Resent-Date",
    "Resent-Message-ID",
    "Subject",
];

/// The message tag that SES sets on bounces and complaints of a tenant.
/// <https://docs.aws.amazon.com/ses/latest/dg/tenants.html>, 2026-11-21.
const TENANT_TAG: &str = "ses:tenant-name";
const TYPES_WITH_TENANT: [EventType; 2] = [EventType::Bounce, EventType::Complaint];

/// Warns that a destination receives nothing: it is off, or of a kind that AWS ended.
pub(super) fn warn_if_inert(
    enabled: bool,
    destination: &Destination,
    spot: &Spot,
    report: &mut FindingReport,
) {
    if let Destination::Pinpoint { .. } = destination {
        // https://docs.aws.amazon.com/pinpoint/latest/userguide/migrate.html, 2026-11-21.
        let what = "Pinpoint destination receives nothing: AWS ended Pinpoint on 2026-10-30";
        report.warning(spot, what, "remove the destination, or use another kind");
    } else if !enabled {
        let what = "event destination is off: it receives no events";
        report.warning(spot, what, "set Enabled to true, or remove the destination");
    }
}

/// Warns about a dimension that has no useful value for some events of its destination.
pub(super) fn warn_of_missing_values(
    dimension: &Dimension,
    types: EventTypeSet,
    on_invalid_value: OnInvalidValue,
    spot: &Spot,
    report: &mut FindingReport,
) {
    let Dimension { name, source, default } = dimension;
    match source {
        ValueSource::EmailHeader => warn_of_header(name, on_invalid_value, spot, report),
        ValueSource::LinkTag if !types.contains(EventType::Click) => {
            let what = format!(
                "link tag {} always has the default {}: only CLICK events have link tags, and the \
                 destination does not match CLICK",
                quote(name),
                quote(default)
            );
            report.warning(spot, what, "add CLICK to MatchingEventTypes, or use another source");
        }
        ValueSource::MessageTag if name == TENANT_TAG => {
            let without = |of: &EventType| !TYPES_WITH_TENANT.contains(of);
            let others: Vec<_> = types.iter().filter(without).map(EventType::api_name).collect();
            if !others.is_empty() {
                let what = format!(
                    "SES sets {TENANT_TAG} on BOUNCE and COMPLAINT only: {} have the default {}",
                    others.join(", "),
                    quote(default)
                );
                let fix = "match only BOUNCE and COMPLAINT, or set a message tag of your own when \
                           you send";
                report.warning(spot, what, fix);
            }
        }
        ValueSource::LinkTag | ValueSource::MessageTag => {}
    }
}

fn warn_of_header(
    name: &str,
    on_invalid_value: OnInvalidValue,
    spot: &Spot,
    report: &mut FindingReport,
) {
    let consequence = match on_invalid_value {
        OnInvalidValue::Drop => "the destination drops such events",
        OnInvalidValue::Default => "such events have the default",
        OnInvalidValue::Sanitize => return,
    };
    if !HEADERS_WITHOUT_VALUES.iter().any(|header| header.eq_ignore_ascii_case(name)) {
        return;
    }
    let what = format!("header {} has values that no dimension allows: {consequence}", quote(name));
    report.warning(spot, what, "use a message tag, or set OnInvalidValue to SANITIZE");
}
