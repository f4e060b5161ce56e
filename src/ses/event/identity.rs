//! The identity of an event: the fields that distinguish it from all others, and their hash.
//!
//! Collected only if [`super::Interest::with_identity`] asks for it. Recipient addresses do not
//! leave this module: only a [`Fingerprint`] does.

use std::fmt;

use sha2::{Digest, Sha256};

use super::block::EventBlock;
use crate::ses::json::raw::{Raw, Text};

/// 128 bits of a SHA-256 over the identity of an event. An attacker who can create a collision
/// could hide an event, hence a cryptographic hash. It is the same in every process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; Self::BYTES]);

/// A field of a block that is part of the identity. Its number is hashed and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    MessageId = 1,
    Recipient = 2,
    Link = 3,
    FeedbackId = 4,
    IpAddress = 5,
    UserAgent = 6,
}

/// A text of a block; recipients are in order.
pub(crate) type IdentityText<'a> = (EventBlock, Part, Text<'a>);

/// Hashed first. Must change when the hashed fields change.
const VERSION: &[u8] = b"postmeter event 1";

// === impl Fingerprint ===

impl Fingerprint {
    pub const BYTES: usize = 16;

    #[must_use]
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub const fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// The fingerprint of an event of a type at a time. `None` without the mail's ID, which is
    /// needed to identify it.
    pub(crate) fn of(
        kind: &str,
        time: &[u8],
        texts: &[IdentityText<'_>],
        own: Option<EventBlock>,
    ) -> Option<Self> {
        message_id(texts)?;
        let recipients = own.filter(|block| names_recipients(*block)).unwrap_or(EventBlock::Mail);
        let mut digest = Sha256::new();
        // Each text with its length, so that different sequences never hash the same bytes.
        let mut put = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        };
        put(VERSION);
        put(kind.as_bytes());
        put(time);
        for wanted in Part::ALL {
            let block = match wanted {
                Part::MessageId => Some(EventBlock::Mail),
                Part::Recipient => Some(recipients),
                _ => own,
            };
            for (_, part, text) in texts.iter().filter(|(of, ..)| Some(*of) == block) {
                if *part == wanted {
                    put(&[*part as u8]);
                    put(text);
                }
            }
        }
        let digest = digest.finalize();
        digest.first_chunk().map(|bytes| Self(*bytes))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// The mail's ID in SES.
pub(crate) fn message_id<'v>(texts: &'v [IdentityText<'_>]) -> Option<&'v [u8]> {
    let id = texts.iter().find(|(_, part, _)| *part == Part::MessageId);
    id.map(|(.., text)| &**text).filter(|text| !text.is_empty())
}

/// Whether a block names its recipients; the other blocks concern all recipients of the mail.
const fn names_recipients(block: EventBlock) -> bool {
    matches!(
        block,
        EventBlock::Bounce
            | EventBlock::Complaint
            | EventBlock::Delivery
            | EventBlock::DeliveryDelay
    )
}

// === impl Part ===

impl Part {
    /// Every part, by its number.
    pub(crate) const ALL: [Self; 6] = [
        Self::MessageId,
        Self::Recipient,
        Self::Link,
        Self::FeedbackId,
        Self::IpAddress,
        Self::UserAgent,
    ];

    /// The place among [`Self::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize - 1
    }

    pub(crate) fn of(key: &[u8], block: EventBlock) -> Option<Self> {
        Some(match (block, key) {
            (EventBlock::Mail, b"messageId") => Self::MessageId,
            (EventBlock::Mail, b"destination")
            | (EventBlock::Bounce, b"bouncedRecipients")
            | (EventBlock::Complaint, b"complainedRecipients")
            | (EventBlock::Delivery, b"recipients")
            | (EventBlock::DeliveryDelay, b"delayedRecipients") => Self::Recipient,
            (EventBlock::Bounce | EventBlock::Complaint, b"feedbackId") => Self::FeedbackId,
            (EventBlock::Click, b"link") => Self::Link,
            (EventBlock::Open | EventBlock::Click, b"ipAddress") => Self::IpAddress,
            (EventBlock::Open | EventBlock::Click, b"userAgent") => Self::UserAgent,
            _ => return None,
        })
    }
}

/// A recipient: an address, or an object with an `emailAddress`.
pub(crate) fn recipient(raw: Raw<'_>) -> Option<Text<'_>> {
    raw.text().or_else(|| raw.member("emailAddress").text())
}
