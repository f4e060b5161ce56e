//! Metric labels: closed lists of values, one enum each.

/// A closed list of values of one label.
///
/// [`labels!`] generates enums that implement it. A family has one counter for each value, so code
/// cannot use a value without a counter.
pub trait Label: Copy + 'static {
    /// The name of the label.
    const NAME: &'static str;
    /// Every value, in the order of the documentation.
    const ALL: &'static [Self];
    /// The text of each value, in the same order.
    const VALUES: &'static [&'static str];

    /// The index of this value in [`Label::ALL`].
    fn index(self) -> usize;
}

/// Generates an enum whose variants are the values of a metric label: `pub enum Name("label") {
/// Variant = "value", }`.
macro_rules! labels {
    ($(
        $(#[$doc:meta])*
        pub enum $name:ident($label:literal) {
            $($(#[$variant_doc:meta])* $variant:ident = $value:literal,)+
        }
    )+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// The text of this value.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                <Self as $crate::label::Label>::VALUES[self as usize]
            }
        }

        impl $crate::label::Label for $name {
            const NAME: &'static str = $label;
            const ALL: &'static [Self] = &[$(Self::$variant,)+];
            const VALUES: &'static [&'static str] = &[$($value,)+];

            fn index(self) -> usize {
                self as usize
            }
        }
    )+};
}

pub(crate) use labels;
