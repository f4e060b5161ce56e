//! How CloudWatch and the queues behave for a while.

/// How CloudWatch behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Fair,
    /// Responses take seconds.
    Slow,
    Throttling,
    /// CloudWatch is unreachable.
    Away,
    Denying,
    /// The outcome of some calls is unknown.
    Ambiguous,
    /// The outcome of every call is unknown.
    Silent,
    /// Every call is ingested, and answered when its caller no longer waits.
    Late,
    /// Single datums are rejected, by their positions.
    Picky,
    TooLarge,
    /// The namespace is rejected.
    Refusing,
    /// Every call is rejected as invalid, without a reason.
    Nameless,
}

/// Weather, and the namespace that alone has it; `None`: all have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Forecast {
    pub weather: Weather,
    pub namespace: Option<&'static str>,
}

/// How the queues behave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum QueueWeather {
    #[default]
    Fair,
    /// Some calls fail, with or without an effect.
    Failing,
    /// Every call fails without an effect.
    Away,
}

// === impl Weather ===

impl Weather {
    pub(super) const BAD: [Self; 11] = [
        Self::Slow,
        Self::Throttling,
        Self::Away,
        Self::Denying,
        Self::Ambiguous,
        Self::Silent,
        Self::Late,
        Self::Picky,
        Self::TooLarge,
        Self::Refusing,
        Self::Nameless,
    ];

    pub(super) fn leaves_doubt(self) -> bool {
        matches!(self, Self::Ambiguous | Self::Silent | Self::Late)
    }

    /// Whether a fair call in between would be another kind of weather.
    pub(super) fn is_steady(self) -> bool {
        matches!(self, Self::Nameless | Self::Late)
    }
}

// === impl Forecast ===

impl Forecast {
    pub(super) const FAIR: Self = Self { weather: Weather::Fair, namespace: None };

    pub(super) fn of(self, namespace: &str) -> Weather {
        if self.namespace.is_none_or(|only| only == namespace) {
            self.weather
        } else {
            Weather::Fair
        }
    }
}
