//! An event destination as it is entered: texts that may be wrong.

use super::form::Form;
use crate::definitions::{
    Destination, EventDestination, Measure, OnInvalidValue, Target, TargetKind, ValueSource,
};
use crate::ses::EventType;

/// The kind of a destination, as in a form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum DraftKind {
    #[default]
    CloudWatch,
    Firehose,
    Sns,
    EventBridge,
    /// Only shown: no new ones.
    Pinpoint,
}

/// The fields of all forms for event destinations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DestinationDraft {
    /// Names of the API.
    pub types: Vec<String>,
    pub kind: DraftKind,
    pub name: String,
    pub enabled: bool,
    pub dimensions: Vec<DimensionRow>,
    pub stream_arn: String,
    pub role_arn: String,
    pub topic_arn: String,
    pub bus_arn: String,
    pub namespace: String,
    /// A name of the document; empty: the default.
    pub on_invalid_value: String,
    pub fields: Vec<FieldRow>,
    /// Whether sets of dimensions are given.
    pub has_sets: bool,
    /// Whether one of them is empty: the total.
    pub has_total: bool,
    /// The others: one on each line, with commas between names.
    pub sets: String,
    /// Names of the document.
    pub measures: Vec<String>,
    pub limits: Vec<LimitRow>,
}

/// A dimension of SES.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DimensionRow {
    pub source: String,
    pub name: String,
    pub default: String,
}

/// A dimension from a field of the event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldRow {
    pub field: String,
    pub name: String,
    pub default: String,
}

/// How many values of a dimension stand for themselves, and which always do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LimitRow {
    pub dimension: String,
    pub most: String,
    /// With commas between values.
    pub keep: String,
}

// === impl DraftKind ===

impl DraftKind {
    /// Those that can be chosen, in the order of the form.
    pub(super) const CHOICES: [Self; 4] =
        [Self::CloudWatch, Self::Firehose, Self::Sns, Self::EventBridge];

    /// The value in a form.
    pub(super) const fn value(self) -> &'static str {
        match self {
            Self::CloudWatch => "cloudwatch",
            Self::Firehose => "firehose",
            Self::Sns => "sns",
            Self::EventBridge => "eventbridge",
            Self::Pinpoint => "pinpoint",
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::CloudWatch => "Amazon CloudWatch",
            Self::Firehose => "Amazon Data Firehose",
            Self::Sns => "Amazon SNS",
            Self::EventBridge => "Amazon EventBridge",
            Self::Pinpoint => "Amazon Pinpoint",
        }
    }

    /// The member of the document.
    pub(super) const fn member(self) -> &'static str {
        match self {
            Self::CloudWatch => "CloudWatchDestination",
            Self::Firehose => "KinesisFirehoseDestination",
            Self::Sns => "SnsDestination",
            Self::EventBridge => "EventBridgeDestination",
            Self::Pinpoint => "PinpointDestination",
        }
    }

    pub(super) fn of(destination: &Destination) -> Self {
        match destination {
            Destination::CloudWatch(_) => Self::CloudWatch,
            Destination::Pinpoint { .. } => Self::Pinpoint,
            Destination::Forward(Target { kind, .. }) => match kind {
                TargetKind::Firehose => Self::Firehose,
                TargetKind::Sns => Self::Sns,
                TargetKind::EventBridge => Self::EventBridge,
            },
        }
    }

    fn parse(text: &str) -> Self {
        Self::CHOICES.into_iter().find(|kind| kind.value() == text).unwrap_or_default()
    }
}

// === impl DimensionRow ===

impl Default for DimensionRow {
    fn default() -> Self {
        Self {
            source: ValueSource::MessageTag.api_name().to_owned(),
            name: String::new(),
            default: String::new(),
        }
    }
}

impl DimensionRow {
    pub(super) fn is_blank(&self) -> bool {
        self.name.is_empty() && self.default.is_empty()
    }
}

// === impl FieldRow ===

impl FieldRow {
    pub(super) fn is_blank(&self) -> bool {
        self.field.is_empty() && self.name.is_empty() && self.default.is_empty()
    }
}

// === impl LimitRow ===

impl LimitRow {
    pub(super) fn is_blank(&self) -> bool {
        self.dimension.is_empty() && self.most.is_empty() && self.keep.is_empty()
    }
}

// === impl DestinationDraft ===

impl DestinationDraft {
    /// What a new destination begins with.
    pub(super) fn new() -> Self {
        let measures = vec![Measure::Count.name().to_owned()];
        let dimensions = vec![DimensionRow::default()];
        Self { enabled: true, dimensions, measures, ..Self::default() }
    }

    /// What was entered.
    pub(super) fn of_form(form: &Form) -> Self {
        let text = |name: &str| form.text(name).trim().to_owned();
        let column =
            |name: String| form.all(&name).map(|text| text.trim().to_owned()).collect::<Vec<_>>();
        let rows = |prefix: &str| {
            let [first, name, default] =
                ["first", "name", "default"].map(|part| column(format!("{prefix}.{part}")));
            first.into_iter().zip(name).zip(default).collect::<Vec<_>>()
        };
        Self {
            types: form.all("type").map(str::to_owned).collect(),
            kind: DraftKind::parse(form.text("kind")),
            name: text("name"),
            enabled: form.has("enabled"),
            dimensions: rows("dimension")
                .into_iter()
                .map(|((source, name), default)| DimensionRow { source, name, default })
                .collect(),
            stream_arn: text("stream_arn"),
            role_arn: text("role_arn"),
            topic_arn: text("topic_arn"),
            bus_arn: text("bus_arn"),
            namespace: text("namespace"),
            on_invalid_value: text("on_invalid_value"),
            fields: rows("field")
                .into_iter()
                .map(|((field, name), default)| FieldRow { field, name, default })
                .collect(),
            has_sets: form.text("count_by") == "sets",
            has_total: form.has("total"),
            sets: form.text("sets").replace("\r\n", "\n"),
            measures: form.all("measure").map(str::to_owned).collect(),
            limits: rows("limit")
                .into_iter()
                .map(|((dimension, most), keep)| LimitRow { dimension, most, keep })
                .collect(),
        }
    }

    /// What is stored.
    pub(super) fn of_stored(stored: &EventDestination) -> Self {
        let mut draft = Self {
            types: stored
                .matching_event_types
                .iter()
                .map(|one| one.api_name().to_owned())
                .collect(),
            kind: DraftKind::of(&stored.destination),
            name: stored.name.clone(),
            enabled: stored.enabled,
            ..Self::default()
        };
        match &stored.destination {
            Destination::CloudWatch(cloudwatch) => {
                let dimensions = cloudwatch.dimensions.iter().map(|dimension| DimensionRow {
                    source: dimension.source.api_name().to_owned(),
                    name: dimension.name.clone(),
                    default: dimension.default.clone(),
                });
                draft.dimensions = dimensions.collect();
                let own = &cloudwatch.extensions;
                draft.namespace = own.namespace.clone().unwrap_or_default();
                if own.on_invalid_value != OnInvalidValue::default() {
                    own.on_invalid_value.api_name().clone_into(&mut draft.on_invalid_value);
                }
                let fields = own.event_dimensions.iter().map(|dimension| FieldRow {
                    field: dimension.field.name().to_owned(),
                    name: dimension.name.clone(),
                    default: dimension.default.clone(),
                });
                draft.fields = fields.collect();
                let measures = cloudwatch.measures().iter();
                draft.measures = measures.map(|measure| measure.name().to_owned()).collect();
                let kept = |name: &str| own.keep_values.get(name).map(|kept| kept.join(", "));
                let limits = own.value_limits.iter().map(|(dimension, most)| LimitRow {
                    dimension: dimension.clone(),
                    most: most.to_string(),
                    keep: kept(dimension).unwrap_or_default(),
                });
                draft.limits = limits.collect();
                if let Some(sets) = &own.dimension_sets {
                    draft.has_sets = true;
                    draft.has_total = sets.iter().any(Vec::is_empty);
                    let lines = sets.iter().filter(|set| !set.is_empty());
                    draft.sets = lines.map(|set| set.join(", ")).collect::<Vec<_>>().join("\n");
                }
            }
            Destination::Forward(target) => {
                let arn = target.arn.as_str().to_owned();
                match target.kind {
                    TargetKind::Firehose => {
                        draft.stream_arn = arn;
                        draft.role_arn = target.role_arn.clone().unwrap_or_default();
                    }
                    TargetKind::Sns => draft.topic_arn = arn,
                    TargetKind::EventBridge => draft.bus_arn = arn,
                }
            }
            Destination::Pinpoint { .. } => {}
        }
        draft
    }

    /// Whether a type is chosen.
    pub(super) fn has_type(&self, event_type: EventType) -> bool {
        self.types.iter().any(|name| name == event_type.api_name())
    }

    /// The sets of dimensions, the total first; `None`: all dimensions together.
    pub(super) fn dimension_sets(&self) -> Option<Vec<Vec<&str>>> {
        if !self.has_sets {
            return None;
        }
        let total = self.has_total.then(Vec::new);
        let lines = self
            .sets
            .lines()
            .map(|line| line.split([',', ' ']).filter(|name| !name.is_empty()).collect::<Vec<_>>());
        Some(total.into_iter().chain(lines.filter(|set| !set.is_empty())).collect())
    }

    /// Every field with its name in a form, for steps that do not show it.
    pub(super) fn form_fields(&self) -> Vec<(&'static str, &str)> {
        let mut fields: Vec<(&'static str, &str)> = Vec::new();
        fields.extend(self.types.iter().map(|name| ("type", name.as_str())));
        fields.extend(self.enabled.then_some(("enabled", "on")));
        fields.extend(self.dimensions.iter().flat_map(|row| {
            let DimensionRow { source, name, default } = row;
            [
                ("dimension.first", &**source),
                ("dimension.name", name),
                ("dimension.default", default),
            ]
        }));
        fields.extend(self.fields.iter().flat_map(|row| {
            let FieldRow { field, name, default } = row;
            [("field.first", &**field), ("field.name", name), ("field.default", default)]
        }));
        fields.extend(self.limits.iter().flat_map(|row| {
            let LimitRow { dimension, most, keep } = row;
            [("limit.first", &**dimension), ("limit.name", most), ("limit.default", keep)]
        }));
        fields.extend(self.measures.iter().map(|name| ("measure", name.as_str())));
        fields.extend(self.has_total.then_some(("total", "on")));
        fields.extend([
            ("kind", self.kind.value()),
            ("name", &self.name),
            ("stream_arn", &self.stream_arn),
            ("role_arn", &self.role_arn),
            ("topic_arn", &self.topic_arn),
            ("bus_arn", &self.bus_arn),
            ("namespace", &self.namespace),
            ("on_invalid_value", &self.on_invalid_value),
            ("count_by", if self.has_sets { "sets" } else { "all" }),
            ("sets", &self.sets),
        ]);
        fields
    }
}
