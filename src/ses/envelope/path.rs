//! The wrappings around a value.

/// Maximum number of nested wrappings; anything deeper is `foreign`.
pub(crate) const LEVELS_MAX: u8 = 8;

/// Maximum number of gzip levels on a path, including that of a file or body; anything deeper is
/// `malformed`. Firehose writes gzip objects, and Lambda or a producer may write gzip records.
pub(crate) const GZIPS_MAX: u8 = 2;

/// One wrapping that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapping {
    Sns,
    EventBridge,
    Sqs,
    LambdaSns,
    FirehoseRequest,
    FirehoseFailure,
    Gzip,
}

/// The wrappings around a value, outermost first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Path {
    wrappings: [Option<Wrapping>; Self::LEN],
    len: usize,
    /// The number of gzip levels, including that of the file or body. These are not wrappings.
    gzips: u8,
}

// === impl Path ===

impl Path {
    const LEN: usize = (LEVELS_MAX + GZIPS_MAX) as usize;

    /// The wrappings, outermost first.
    pub fn iter(&self) -> impl Iterator<Item = Wrapping> {
        self.wrappings[..self.len].iter().flatten().copied()
    }

    /// The path of a whole file or body, gzip or not.
    pub(crate) fn outermost(gzip: bool) -> Self {
        Self { gzips: gzip.into(), ..Self::default() }
    }

    /// The path with one wrapping more, inside of those before.
    pub(crate) fn with(&self, wrapping: Wrapping) -> Self {
        let mut path = *self;
        path.gzips += u8::from(wrapping == Wrapping::Gzip);
        if let Some(place) = path.wrappings.get_mut(path.len) {
            *place = Some(wrapping);
            path.len += 1;
        }
        path
    }

    /// The number of gzip levels, including that of the file or body.
    pub(crate) fn gzips(&self) -> u8 {
        self.gzips
    }

    /// The number of wrappings, without gzip.
    pub(crate) fn levels(&self) -> u8 {
        let levels = self.iter().filter(|wrapping| *wrapping != Wrapping::Gzip).count();
        u8::try_from(levels).unwrap_or(LEVELS_MAX)
    }
}

// === impl Wrapping ===

impl Wrapping {
    /// The name that `explain` prints.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sns => "SNS envelope",
            Self::EventBridge => "EventBridge envelope",
            Self::Sqs => "SQS message",
            Self::LambdaSns => "SNS record of a Lambda batch",
            Self::FirehoseRequest => "Firehose request",
            Self::FirehoseFailure => "Firehose failed-delivery object",
            Self::Gzip => "gzip",
        }
    }
}
