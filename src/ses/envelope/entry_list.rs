//! The lists of wrappings, and where their entries hold values.

use super::path::Wrapping;

/// A list whose entries hold values.
#[derive(Clone, Copy, Debug)]
pub(super) enum EntryList {
    /// A Lambda batch from SQS, SNS or Kinesis.
    Records,
    /// What `aws sqs receive-message` prints.
    Messages,
    /// CloudWatch Logs.
    LogEvents,
}

/// The most members that an entry of one list can hold values in.
pub(super) const FIELDS_MAX: usize = 3;

// === impl EntryList ===

impl EntryList {
    /// The member of the object around it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Records => "Records",
            Self::Messages => "Messages",
            Self::LogEvents => "logEvents",
        }
    }

    /// The members of an entry that can hold values, the first one first.
    pub(super) const fn fields(self) -> &'static [(&'static str, Wrapping)] {
        match self {
            Self::Records => &[
                ("body", Wrapping::Sqs),
                ("Sns", Wrapping::LambdaSns),
                ("kinesis", Wrapping::Kinesis),
            ],
            Self::Messages => &[("Body", Wrapping::ReceivedMessage)],
            Self::LogEvents => &[("message", Wrapping::LogEvent)],
        }
    }
}
