//! What tells an event from all others: the fields of its identity, and their hash.
//!
//! Collected only where [`super::Interest::with_identity`] asks for it. Recipients' addresses go no
//! further than this: what leaves is a [`Fingerprint`].

use std::fmt;

use sha2::{Digest, Sha256};

use super::raw::Raw;
use super::value::{Block, Text};

/// 128 bits of a SHA-256 over what tells an event from others. Whoever could make two events that
/// share one could hide an event, hence a hash that nobody can. The same in every process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; Self::BYTES]);

/// A field of a block that tells events apart. Its number is hashed, and never given to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    MessageId = 1,
    Recipient = 2,
    Link = 3,
    FeedbackId = 4,
    IpAddress = 5,
    UserAgent = 6,
}

/// A text of a block; recipients stand in their order.
pub type Told<'a> = (Block, Part, Text<'a>);

/// Hashed first: what is hashed may change one day, and then so does this.
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

    /// The fingerprint of a kind of event at a time. `None` without the id of the mail: what has
    /// none may be anybody's.
    pub(super) fn of(
        kind: &str,
        time: &[u8],
        told: &[Told<'_>],
        own: Option<Block>,
    ) -> Option<Self> {
        message_id(told)?;
        let recipients = own.filter(|block| names_recipients(*block)).unwrap_or(Block::Mail);
        let mut digest = Sha256::new();
        // Each with its length: no two sequences are hashed as the same bytes.
        let mut put = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        };
        put(VERSION);
        put(kind.as_bytes());
        put(time);
        for wanted in Part::ALL {
            let block = match wanted {
                Part::MessageId => Some(Block::Mail),
                Part::Recipient => Some(recipients),
                _ => own,
            };
            for (_, part, text) in told.iter().filter(|(of, ..)| Some(*of) == block) {
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

/// The id that SES gave the mail.
pub(super) fn message_id<'v>(told: &'v [Told<'_>]) -> Option<&'v [u8]> {
    let id = told.iter().find(|(_, part, _)| *part == Part::MessageId);
    id.map(|(.., text)| &**text).filter(|text| !text.is_empty())
}

/// Whether a block says whom it is about; the others are about all whom the mail was sent to.
const fn names_recipients(block: Block) -> bool {
    matches!(block, Block::Bounce | Block::Complaint | Block::Delivery | Block::DeliveryDelay)
}

// === impl Part ===

impl Part {
    /// Every part, by its number.
    pub(super) const ALL: [Self; 6] = [
        Self::MessageId,
        Self::Recipient,
        Self::Link,
        Self::FeedbackId,
        Self::IpAddress,
        Self::UserAgent,
    ];

    /// The place among [`Self::ALL`].
    pub(super) const fn index(self) -> usize {
        self as usize - 1
    }

    pub(super) fn of(key: &[u8], block: Block) -> Option<Self> {
        Some(match (block, key) {
            (Block::Mail, b"messageId") => Self::MessageId,
            (Block::Mail, b"destination")
            | (Block::Bounce, b"bouncedRecipients")
            | (Block::Complaint, b"complainedRecipients")
            | (Block::Delivery, b"recipients")
            | (Block::DeliveryDelay, b"delayedRecipients") => Self::Recipient,
            (Block::Bounce | Block::Complaint, b"feedbackId") => Self::FeedbackId,
            (Block::Click, b"link") => Self::Link,
            (Block::Open | Block::Click, b"ipAddress") => Self::IpAddress,
            (Block::Open | Block::Click, b"userAgent") => Self::UserAgent,
            _ => return None,
        })
    }
}

/// A recipient: an address, or an object with an `emailAddress`.
pub(super) fn recipient(raw: Raw<'_>) -> Option<Text<'_>> {
    raw.text().or_else(|| raw.member("emailAddress").text())
}
