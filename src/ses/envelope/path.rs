//! The wrappings around a value.

/// Maximum number of nested wrappings; anything deeper is `foreign`.
pub(crate) const LEVELS_MAX: u8 = 8;

/// Maximum number of gzip levels on a path, including that of a file or body; anything deeper is
/// `malformed`. Firehose writes gzip objects, and Lambda or a producer may write gzip records.
pub(crate) const GZIPS_MAX: u8 = 2;

/// One wrapping that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapping {
    /// A list where a value may begin.
    List,
    /// A string that holds JSON.
    Text,
    Sns,
    EventBridge,
    Sqs,
    LambdaSns,
    Kinesis,
    /// A message as `aws sqs receive-message` prints it.
    ReceivedMessage,
    FirehoseRequest,
    FirehoseTransformation,
    LogEvent,
    /// The `awslogs.data` of a Lambda event.
    LogData,
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

/// The path of the last value of a text: made anew only when the number of open lists changes.
#[derive(Debug)]
pub(crate) struct PathInLists {
    outside: Path,
    lists: u8,
    path: Path,
}

// === impl PathInLists ===

impl PathInLists {
    pub(crate) fn new(outside: Path) -> Self {
        Self { outside, lists: 0, path: outside }
    }

    /// The path inside of this many lists.
    #[inline]
    pub(crate) fn of(&mut self, lists: u8) -> &Path {
        if lists != self.lists {
            (self.lists, self.path) = (lists, self.outside.in_lists(lists));
        }
        &self.path
    }
}

// === impl Path ===

impl Path {
    const LEN: usize = (LEVELS_MAX + GZIPS_MAX) as usize;

    /// The wrappings, outermost first.
    pub fn iter(&self) -> impl Iterator<Item = Wrapping> {
        self.wrappings[..self.len].iter().flatten().copied()
    }

    /// The path of a whole file or body, in this many levels of gzip.
    pub(crate) fn outermost(gzips: u8) -> Self {
        Self { gzips, ..Self::default() }
    }

    /// The path inside of this many lists more.
    pub(crate) fn in_lists(&self, lists: u8) -> Self {
        let mut path = *self;
        path.len = Self::LEN.min(self.len + usize::from(lists));
        path.wrappings[self.len..path.len].fill(Some(Wrapping::List));
        path
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
            Self::List => "list",
            Self::Text => "JSON text",
            Self::Sns => "SNS envelope",
            Self::EventBridge => "EventBridge envelope",
            Self::Sqs => "SQS message",
            Self::LambdaSns => "SNS record of a Lambda batch",
            Self::Kinesis => "Kinesis record of a Lambda batch",
            Self::ReceivedMessage => "message from `aws sqs receive-message`",
            Self::FirehoseRequest => "Firehose request",
            Self::FirehoseTransformation => "Firehose transformation of a Lambda function",
            Self::LogEvent => "CloudWatch Logs event",
            Self::LogData => "CloudWatch Logs data of a Lambda event",
            Self::FirehoseFailure => "Firehose failed-delivery object",
            Self::Gzip => "gzip",
        }
    }
}
