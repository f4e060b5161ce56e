//! What a complaint is to a rate of complaints.

use super::bounce_class::is_suppressed;

/// The kind by the subtype of SES and the feedback type of the report. Neither mail to a suppressed
/// address, which never left SES, nor a report that a mail is *not* spam is a complaint about it.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-complaint-object>,
/// 2026-11-30.
pub(super) fn complaint_kind(sub_type: &[u8], feedback_type: &[u8]) -> &'static str {
    if is_suppressed(sub_type) {
        "suppressed"
    } else if feedback_type.eq_ignore_ascii_case(b"not-spam") {
        "not-spam"
    } else {
        "complaint"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suppressed_address_and_not_spam_are_no_complaint() {
        for (sub_type, feedback_type, kind) in [
            ("", "", "complaint"),
            ("", "abuse", "complaint"),
            ("", "fraud", "complaint"),
            ("", "not-spam", "not-spam"),
            ("", "Not-Spam", "not-spam"),
            ("OnAccountSuppressionList", "", "suppressed"),
            ("OnTenantSuppressionList", "not-spam", "suppressed"),
            ("Other", "abuse", "complaint"),
        ] {
            let found = complaint_kind(sub_type.as_bytes(), feedback_type.as_bytes());
            assert_eq!(found, kind, "{sub_type}/{feedback_type}");
        }
    }
}
