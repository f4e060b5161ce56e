//! A configured topic, and the SNS addresses that follow from its ARN.

use crate::config::TopicArn;

/// Maximum length of a certificate's file name.
const CERTIFICATE_NAME_MAX: usize = 64;
const TOKEN_BYTES_MAX: usize = 1024;

/// A configured topic.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    arn: TopicArn,
    /// The suffix of host names.
    suffix: &'static str,
    /// The SNS host in the topic's region.
    host: String,
}

/// The URL of a certificate at SNS; created only by [`Topic::certificate_url`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CertificateUrl {
    host: String,
    path: String,
}

/// The request that confirms a subscription; created only by [`Topic::confirmation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Confirmation {
    pub host: String,
    pub path: String,
}

// === impl Topic ===

impl Topic {
    #[must_use]
    pub(crate) fn new(arn: TopicArn) -> Self {
        let suffix = match arn.partition() {
            "aws-cn" => "amazonaws.com.cn",
            "aws-eusc" => "amazonaws.eu",
            _ => "amazonaws.com",
        };
        let host = format!("sns.{}.{suffix}", arn.region());
        Self { arn, suffix, host }
    }

    #[must_use]
    pub(crate) fn arn(&self) -> &str {
        self.arn.as_str()
    }

    /// Parses the certificate URL of a message of this topic. It is compared with the only valid
    /// host instead of being parsed as a URL.
    #[must_use]
    pub(crate) fn certificate_url(&self, text: &str) -> Option<CertificateUrl> {
        let path = self.path_of(text)?;
        let name = path.strip_prefix("/SimpleNotificationService-")?.strip_suffix(".pem")?;
        let is_name = (1..=CERTIFICATE_NAME_MAX).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_name.then(|| CertificateUrl { host: self.host.clone(), path: path.to_owned() })
    }

    /// Parses the URL that confirms a subscription: it may only name this topic and this token, at
    /// the only valid host. The request is built anew.
    #[must_use]
    pub(crate) fn confirmation(&self, url: &str, token: &str) -> Option<Confirmation> {
        let is_token = (1..=TOKEN_BYTES_MAX).contains(&token.len())
            && token.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_token {
            return None;
        }
        let arn = self.arn();
        let query = self.path_of(url)?.strip_prefix("/?")?;
        let mut expected =
            vec![("Action", "ConfirmSubscription"), ("TopicArn", arn), ("Token", token)];
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=')?;
            let value = value.replace("%3A", ":").replace("%3a", ":");
            let at = expected.iter().position(|one| *one == (name, value.as_str()))?;
            expected.swap_remove(at);
        }
        let path = format!("/?Action=ConfirmSubscription&TopicArn={arn}&Token={token}");
        expected.is_empty().then(|| Confirmation { host: self.host.clone(), path })
    }

    /// Whether a certificate's host name belongs to SNS for messages of this topic: the names in
    /// AWS's own libraries, plus the region's endpoint.
    #[must_use]
    pub(crate) fn is_name_of_sns(&self, name: &str) -> bool {
        let (region, suffix) = (self.arn.region(), self.suffix);
        let Some(label) = name.strip_suffix(suffix).and_then(|label| label.strip_suffix('.'))
        else {
            return false;
        };
        let region_of = |label: &str| label == region;
        label == "sns"
            || label.strip_prefix("sns.").is_some_and(region_of)
            || label.strip_prefix("sns-signing.").is_some_and(region_of)
            || label.strip_prefix("sns-").is_some_and(region_of)
            // One certificate serves both regions.
            || (self.arn.partition() == "aws-us-gov" && label == "sns-us-gov-west-1")
    }

    /// The path and query of an HTTPS URL at this region's SNS.
    fn path_of<'t>(&self, text: &'t str) -> Option<&'t str> {
        let rest = text.strip_prefix("https://")?.strip_prefix(self.host.as_str())?;
        let path = rest.strip_prefix(":443").unwrap_or(rest);
        path.starts_with('/').then_some(path)
    }
}

// === impl CertificateUrl ===

impl CertificateUrl {
    #[must_use]
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    #[must_use]
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(arn: &str) -> Topic {
        Topic::new(TopicArn::parse(arn).unwrap())
    }

    const ARN: &str = "arn:aws:sns:us-east-1:123456789012:ses-events";

    #[test]
    fn certificate_url_is_at_the_host_of_its_topics_region() {
        for (arn, url) in [
            (ARN, "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a1B.pem"),
            (ARN, "https://sns.us-east-1.amazonaws.com:443/SimpleNotificationService-0a1B.pem"),
            (
                "arn:aws-cn:sns:cn-north-1:123456789012:a",
                "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-1.pem",
            ),
            (
                "arn:aws-us-gov:sns:us-gov-west-1:123456789012:a",
                "https://sns.us-gov-west-1.amazonaws.com/SimpleNotificationService-1.pem",
            ),
        ] {
            let read = topic(arn).certificate_url(url).unwrap();
            let again = format!("https://{}{}", read.host(), read.path());
            assert_eq!(again, url.replace(":443", ""));
        }
    }

    /// Known attacks: a host that only starts, ends or looks like SNS's, S3 in particular.
    #[test]
    fn certificate_url_at_any_other_address_is_rejected() {
        let good = "/SimpleNotificationService-0a1b.pem";
        for host in [
            "http://sns.us-east-1.amazonaws.com",
            "https://sns.us-east-1.amazonaws.com.s3.amazonaws.com",
            "https://sns.us-east-1.amazonaws.com.s3.us-east-1.amazonaws.com",
            "https://s3.amazonaws.com/sns.us-east-1.amazonaws.com",
            "https://sns.s3.amazonaws.com",
            "https://sns.us-east-1.s3.amazonaws.com",
            "https://sns.us-east-1-amazonaws.com",
            "https://sns.us-east-1.amazonaws.com.evil.example",
            "https://sns.us-east-1.amazonaws.com.cn",
            "https://sns.eu-west-1.amazonaws.com",
            "https://sns.amazonaws.com",
            "https://evil.example/https://sns.us-east-1.amazonaws.com",
            "https://evil.example#sns.us-east-1.amazonaws.com",
            "https://evil.example?sns.us-east-1.amazonaws.com",
            "https://sns.us-east-1.amazonaws.com@evil.example",
            "https://user:password@sns.us-east-1.amazonaws.com",
            "https://user@sns.us-east-1.amazonaws.com",
            "https://sns.us-east-1.amazonaws.com:8443",
            "https://sns.us-east-1.amazonaws.com:",
            "https://sns.us-east-1.amazonaws.com:443@evil.example",
            "https://sns.us-east-1.amazonaws.com\\@evil.example",
            "https://sns.us-east-1.amazonaws.com.",
            "https://SNS.us-east-1.amazonaws.com",
            "https://sns.us-east-1.amazonaws.com\n",
            " https://sns.us-east-1.amazonaws.com",
            "https:sns.us-east-1.amazonaws.com",
            "//sns.us-east-1.amazonaws.com",
            "https://sns-us-east-1.amazonaws.com",
            "https://xsns.us-east-1.amazonaws.com",
            "https://169.254.169.254",
            "https://localhost",
            "",
        ] {
            let url = format!("{host}{good}");
            assert_eq!(topic(ARN).certificate_url(&url), None, "{url:?}");
        }
        for path in [
            "",
            "/",
            "/x.pem",
            "/SimpleNotificationService-.pem",
            "/SimpleNotificationService-a.pem?x=.pem",
            "/SimpleNotificationService-a.pem#x",
            "/SimpleNotificationService-a.crt",
            "/SimpleNotificationService-../a.pem",
            "/SimpleNotificationService-a/../b.pem",
            "/SimpleNotificationService-a%2Fb.pem",
            "/x/SimpleNotificationService-a.pem",
            "//SimpleNotificationService-a.pem",
            "/simplenotificationservice-a.pem",
            "/SimpleNotificationService-a.pem\r\nHost: x",
        ] {
            let url = format!("https://sns.us-east-1.amazonaws.com{path}");
            assert_eq!(topic(ARN).certificate_url(&url), None, "{url:?}");
        }
        let long = format!("/SimpleNotificationService-{}.pem", "a".repeat(65));
        let url = format!("https://sns.us-east-1.amazonaws.com{long}");
        assert_eq!(topic(ARN).certificate_url(&url), None);
    }

    #[test]
    fn certificate_names_are_those_of_sns() {
        for (arn, name) in [
            (ARN, "sns.amazonaws.com"),
            (ARN, "sns.us-east-1.amazonaws.com"),
            ("arn:aws:sns:af-south-1:123456789012:a", "sns-signing.af-south-1.amazonaws.com"),
            ("arn:aws-cn:sns:cn-north-1:123456789012:a", "sns-cn-north-1.amazonaws.com.cn"),
            ("arn:aws-us-gov:sns:us-gov-east-1:123456789012:a", "sns-us-gov-west-1.amazonaws.com"),
        ] {
            assert!(topic(arn).is_name_of_sns(name), "{name}");
        }
        for name in [
            "",
            "amazonaws.com",
            "*.amazonaws.com",
            "s3.amazonaws.com",
            "sns.s3.amazonaws.com",
            "sns.eu-west-1.amazonaws.com",
            "sns-us-gov-west-1.amazonaws.com",
            "sns.us-east-1.amazonaws.com.cn",
            "sns.us-east-1.amazonaws.com.evil.example",
            "xsns.amazonaws.com",
            "snsamazonaws.com",
            "sns.us-east-1.elb.amazonaws.com",
        ] {
            assert!(!topic(ARN).is_name_of_sns(name), "{name}");
        }
    }

    #[test]
    fn subscription_is_confirmed_at_the_same_host_for_this_topic_and_token_only() {
        let host = "https://sns.us-east-1.amazonaws.com";
        let plain = format!("/?Action=ConfirmSubscription&TopicArn={ARN}&Token=2336abc");
        for path in [
            plain.clone(),
            plain.replace(":sns:", "%3Asns%3a"),
            format!("/?Token=2336abc&TopicArn={ARN}&Action=ConfirmSubscription"),
        ] {
            let read = topic(ARN).confirmation(&format!("{host}{path}"), "2336abc").unwrap();
            assert_eq!(read.host, "sns.us-east-1.amazonaws.com");
            assert_eq!(read.path, plain);
        }
        for url in [
            format!("https://evil.example{plain}"),
            format!("http://sns.us-east-1.amazonaws.com{plain}"),
            format!("https://sns.us-east-1.amazonaws.com.s3.amazonaws.com{plain}"),
            format!("https://sns.us-east-1.amazonaws.com@evil.example{plain}"),
            format!("{host}{}", plain.replace("ConfirmSubscription", "Unsubscribe")),
            format!("{host}{}", plain.replace("ses-events", "other")),
            format!("{host}{}", plain.replace("2336abc", "2336abd")),
            format!("{host}{plain}&Action=DeleteTopic"),
            format!("{host}{plain}&"),
            format!("{host}/?Action=ConfirmSubscription&Token=2336abc"),
            format!("{host}/x{plain}"),
            format!("{host}{plain}#x"),
        ] {
            assert_eq!(topic(ARN).confirmation(&url, "2336abc"), None, "{url}");
        }
        for token in ["", "a b", "a&Action=x", "a\r\nHost: x"] {
            let url = format!("{host}/?Action=ConfirmSubscription&TopicArn={ARN}&Token={token}");
            assert_eq!(topic(ARN).confirmation(&url, token), None, "{token:?}");
        }
    }
}
