//! CloudWatch namespaces, an extension of sets and destinations and a key of the configuration.

use super::name::text_fault;
use super::object::JsonNode;
use super::report::{Checked, FindingReport, quote};

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>,
/// 2026-11-21, also for the pattern and the reserved prefix.
const NAMESPACE_LENGTH_MAX: usize = 255;

/// The prefix reserved for AWS services. The case is ignored, because `aws/` is probably meant as
/// the reserved one.
const RESERVED_PREFIX: &str = "AWS/";

const FIX: &str = "use 1 to 255 characters (A-Z a-z 0-9 . - _ / # :)";

/// The fault of a CloudWatch namespace, and how to fix it.
#[must_use]
pub fn namespace_fault(namespace: &str) -> Option<(String, String)> {
    if !namespace.is_empty() && namespace.trim().is_empty() {
        return Some(("namespace is blank".to_owned(), FIX.to_owned()));
    }
    let alphabet = text_fault("namespace", namespace, NAMESPACE_LENGTH_MAX, is_namespace_byte);
    if let Some(what) = alphabet {
        return Some((what, FIX.to_owned()));
    }
    if namespace.starts_with(':') {
        let what = format!("namespace {} starts with a colon", quote(namespace));
        return Some((what, "start it with another character".to_owned()));
    }
    let prefix = namespace.get(..RESERVED_PREFIX.len());
    if prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(RESERVED_PREFIX)) {
        let what = format!("namespace {} is reserved for AWS services", quote(namespace));
        return Some((what, "use a name that does not start with AWS/, such as SES".to_owned()));
    }
    None
}

pub(super) fn namespace(node: &JsonNode, report: &mut FindingReport) -> Checked<String> {
    let namespace = node.text("namespace", report)?;
    if let Some((what, fix)) = namespace_fault(namespace) {
        return Err(report.error(&node.spot, what, fix));
    }
    Ok(namespace.to_owned())
}

fn is_namespace_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/' | b'#' | b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_that_cloudwatch_accepts_have_no_fault() {
        let longest = "n".repeat(255);
        for namespace in ["SES", "a", "My-App/prod_1.2#x:y", "AWS", "AWSome", "/AWS/SES", &longest]
        {
            assert_eq!(namespace_fault(namespace), None, "{namespace}");
        }
    }

    #[test]
    fn namespace_faults_are_each_named() {
        for (namespace, expected) in [
            ("", "namespace is empty"),
            (" \t", "namespace is blank"),
            (":SES", "namespace \":SES\" starts with a colon"),
            ("AWS/SES", "namespace \"AWS/SES\" is reserved for AWS services"),
            ("aWs/x", "namespace \"aWs/x\" is reserved for AWS services"),
            ("a b", "namespace \"a b\" contains ' ', which is not allowed"),
            ("caf\u{e9}", "namespace \"caf\u{e9}\" contains '\u{e9}', which is not allowed"),
        ] {
            assert_eq!(namespace_fault(namespace).unwrap().0, expected);
        }
        let (what, fix) = namespace_fault(&"n".repeat(256)).unwrap();
        assert!(what.ends_with("has 256 characters"), "{what}");
        assert_eq!(fix, FIX);
    }
}
