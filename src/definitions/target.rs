//! Targets to which events are forwarded.

use std::fmt;

/// A target that receives events unchanged. Equal targets share a queue and a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    pub kind: TargetKind,
    pub arn: Arn,
    /// The role to assume for it; only for Firehose, as in SES.
    pub role_arn: Option<String>,
}

/// A service that receives events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetKind {
    Firehose,
    Sns,
    EventBridge,
}

/// The validated ARN of a target: the right service, with a region and a name.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Arn {
    text: String,
    /// The position of the name of the stream, topic or bus.
    name: usize,
}

// === impl TargetKind ===

impl TargetKind {
    pub const ALL: [Self; 3] = [Self::Firehose, Self::Sns, Self::EventBridge];

    /// The name of the service for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Firehose => "Firehose",
            Self::Sns => "SNS",
            Self::EventBridge => "EventBridge",
        }
    }

    /// The name of the service in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Firehose => "firehose",
            Self::Sns => "sns",
            Self::EventBridge => "event_bridge",
        }
    }

    /// The service in an ARN, the prefix of the name, the characters allowed in a name besides
    /// letters and digits, and the maximum length of a name.
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>,
    /// 2026-11-22.
    const fn shape(self) -> (&'static str, &'static str, &'static str, usize) {
        match self {
            Self::Firehose => ("firehose", "deliverystream/", "_.-", 64),
            // No dot: SES does not support FIFO topics, whose names end in `.fifo`.
            Self::Sns => ("sns", "", "_-", 256),
            Self::EventBridge => ("events", "event-bus/", "_.-/", 256),
        }
    }

    /// The pattern of its ARN, for messages.
    #[must_use]
    pub(crate) fn arn_shape(self) -> String {
        let (service, before, ..) = self.shape();
        format!("arn:aws:{service}:REGION:ACCOUNT:{before}NAME")
    }
}

// === impl Arn ===

impl Arn {
    /// Parses an ARN of this kind; `None` if it is not valid.
    #[must_use]
    pub fn parse(kind: TargetKind, text: &str) -> Option<Self> {
        let (service, before, others, longest) = kind.shape();
        let mut parts = text.splitn(6, ':');
        let (arn, partition, of, region) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let (account, resource) = (parts.next()?, parts.next()?);
        let name = resource.strip_prefix(before)?;
        let word = |text: &str, others: &str| {
            let good = |found: char| found.is_ascii_alphanumeric() || others.contains(found);
            !text.is_empty() && text.chars().all(good)
        };
        let sound = arn == "arn"
            && word(partition, "-")
            && of == service
            && word(region, "-")
            && word(account, "")
            && word(name, others)
            && name.len() <= longest;
        sound.then(|| Self { text: text.to_owned(), name: text.len() - name.len() })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn region(&self) -> &str {
        self.text.split(':').nth(3).unwrap_or_default()
    }

    /// The name of the stream, topic or bus.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.text[self.name..]
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl fmt::Debug for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arn_has_its_service_a_region_and_a_name() {
        let stream = "arn:aws-cn:firehose:cn-north-1:111122223333:deliverystream/a.b-c_D";
        let arn = Arn::parse(TargetKind::Firehose, stream).expect("an ARN");
        assert_eq!((arn.region(), arn.name(), arn.as_str()), ("cn-north-1", "a.b-c_D", stream));
        let topic = "arn:aws:sns:eu-west-1:111122223333:mail-events";
        let arn = Arn::parse(TargetKind::Sns, topic).expect("an ARN");
        assert_eq!((arn.region(), arn.name()), ("eu-west-1", "mail-events"));
        let bus = "arn:aws:events:eu-west-1:111122223333:event-bus/default";
        let arn = Arn::parse(TargetKind::EventBridge, bus).expect("an ARN");
        assert_eq!((arn.region(), arn.name()), ("eu-west-1", "default"));

        for kind in TargetKind::ALL {
            let others = [stream, topic, bus].into_iter();
            assert_eq!(others.filter(|text| Arn::parse(kind, text).is_some()).count(), 1);
        }
        for wrong in [
            "",
            "arn:aws:sns:eu-west-1:111122223333:",
            "arn:aws:sns:eu-west-1:111122223333",
            "arn:aws:sns::111122223333:t",
            "arn:aws:sns:eu-west-1:111122223333:t.fifo",
            "arn:aws:sns:eu-west-1:111122223333:t:subscription",
            "arn:aws:sns:eu-west-1:1111 2222:t",
            "urn:aws:sns:eu-west-1:111122223333:t",
            "arn:aws:sns:eu-west-1:111122223333:t\n",
        ] {
            assert_eq!(Arn::parse(TargetKind::Sns, wrong), None, "{wrong:?}");
        }
        let long = |letters| format!("arn:aws:sns:r:1:{}", "t".repeat(letters));
        assert!(Arn::parse(TargetKind::Sns, &long(256)).is_some());
        assert!(Arn::parse(TargetKind::Sns, &long(257)).is_none());
    }
}
