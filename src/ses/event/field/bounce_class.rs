//! The class of a bounce.

/// The class by the type and subtype of SES.
///
/// Mail to a suppressed address never left SES, so it is neither hard nor soft.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-bounce-types>,
/// 2026-11-30.
pub(super) fn bounce_class(bounce_type: &[u8], sub_type: &[u8]) -> &'static str {
    if is_suppressed(sub_type) {
        "suppressed"
    } else if bounce_type.eq_ignore_ascii_case(b"Permanent") {
        "hard"
    } else if bounce_type.eq_ignore_ascii_case(b"Transient") {
        "soft"
    } else {
        "undetermined"
    }
}

/// Whether a subtype of a bounce or complaint says that a suppression list has the address.
pub(super) fn is_suppressed(sub_type: &[u8]) -> bool {
    const LIST: &[u8] = b"SuppressionList";
    [&b"Suppressed"[..], b"EmailValidationSuppressed"]
        .iter()
        .any(|suppressed| sub_type.eq_ignore_ascii_case(suppressed))
        || sub_type
            .len()
            .checked_sub(LIST.len())
            .is_some_and(|at| sub_type[at..].eq_ignore_ascii_case(LIST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_follows_the_subtype_first_and_then_the_type() {
        for (bounce_type, sub_type, class) in [
            ("Permanent", "General", "hard"),
            ("Permanent", "NoEmail", "hard"),
            ("Permanent", "", "hard"),
            ("Permanent", "Suppressed", "suppressed"),
            ("Permanent", "OnAccountSuppressionList", "suppressed"),
            ("Permanent", "OnTenantSuppressionList", "suppressed"),
            ("Permanent", "OnSomeFutureSuppressionList", "suppressed"),
            ("Permanent", "EmailValidationSuppressed", "suppressed"),
            ("", "SuppressionList", "suppressed"),
            ("Permanent", "SuppressionLists", "hard"),
            ("Permanent", "NotSuppressed", "hard"),
            ("Transient", "MailboxFull", "soft"),
            ("PERMANENT", "General", "hard"),
            ("Undetermined", "Undetermined", "undetermined"),
            ("Other", "General", "undetermined"),
            ("", "", "undetermined"),
        ] {
            assert_eq!(
                bounce_class(bounce_type.as_bytes(), sub_type.as_bytes()),
                class,
                "{bounce_type}/{sub_type}"
            );
        }
    }
}
