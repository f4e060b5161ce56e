//! Declares a section of the configuration: its struct, its defaults and its keys, from one list.

use super::Config;
use super::kinds::KeyKind;
use super::value::KeyReader;

/// A struct whose fields are keys. [`section!`] declares them.
pub(super) trait ConfigSection: Default + 'static {
    const TABLE: SectionTable;

    /// The section in a configuration; of a repeated section, the instance that was added last.
    fn within(config: &mut Config) -> Option<&mut Self>;
}

/// A section with its keys.
pub(super) struct SectionTable {
    /// Empty at the top level.
    pub name: &'static str,
    pub help: &'static str,
    /// Whether it is written as `[[name]]`, once for each instance.
    pub is_repeated: bool,
    pub keys: &'static [ConfigKey],
}

/// One key of the configuration.
pub(super) struct ConfigKey {
    /// Section and name, such as `cloudwatch.flush_interval`.
    pub path: &'static str,
    /// What it does. The first paragraph is a summary.
    pub help: &'static str,
    pub field: &'static dyn KeyField,
}

/// The field of a section that has the value of a key, and the kind of the value.
pub(super) struct TypedField<S, T, K> {
    pub get: fn(&mut S) -> &mut T,
    pub kind: K,
}

/// A [`TypedField`] of any type.
pub(super) trait KeyField {
    fn is_list(&self) -> bool;

    /// The type of the value, for readers of the documentation.
    fn describe(&self) -> String;

    /// Some valid values, as in a variable.
    fn examples(&self) -> Vec<String>;

    /// The default as written in TOML.
    fn default(&self) -> String;

    /// Stores a given value in a configuration, unless it is invalid.
    fn read(&self, reader: KeyReader<'_>, config: &mut Config);

    /// The value in a configuration as written in TOML, without secrets.
    fn show(&self, config: &mut Config) -> String;

    /// The value in a configuration as written in TOML. Only tests need it: it may be a secret.
    #[cfg(test)]
    fn write(&self, config: &mut Config) -> String;
}

/// Declares the struct of a section, for example
///
/// ```text
/// section! {
///     /// Limits on what is held at once.
///     pub struct LimitsConfig as [limits] {
///         /// Largest request body, in bytes.
///         ///
///         /// More about it.
///         body_bytes: usize = 64 << 20, number(KIB, 256 * MIB);
///     }
/// }
/// ```
///
/// A key is a field with its help text, type, default and kind. The first paragraph of the help
/// text is shown in the reference, all of it in the shipped file.
macro_rules! section {
    ($(#[doc = $help:literal])+ pub struct $name:ident as [$section:ident] $keys:tt) => {
        section! {
            @declare [$($help)+] $name, stringify!($section), concat!(stringify!($section), "."),
            false, |config| Some(&mut config.$section), $keys {}
        }
    };
    ($(#[doc = $help:literal])+ pub struct $name:ident as [[$section:ident]] $keys:tt) => {
        section! {
            @declare [$($help)+] $name, stringify!($section), concat!(stringify!($section), "."),
            true, |config| config.$section.last_mut(), $keys {}
        }
    };
    ($(#[doc = $help:literal])+ pub struct $name:ident $keys:tt with $sections:tt) => {
        section! {
            @declare [$($help)+] $name, "", "", false, |config| Some(config), $keys $sections
        }
    };
    (
        @declare [$($help:literal)+] $name:ident, $section:expr, $prefix:expr, $is_repeated:literal,
        $within:expr,
        {$(
            $(#[doc = $key_help:literal])+
            $key:ident: $type:ty = $default:expr, $kind:expr;
        )+}
        {$($part:ident: $part_type:ty,)*}
    ) => {
        $(#[doc = $help])+
        #[derive(Clone, Debug)]
        pub struct $name {
            $(
                $(#[doc = $key_help])+
                pub $key: $type,
            )+
            $(pub $part: $part_type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)+ $($part: Default::default(),)* }
            }
        }

        impl $crate::config::section::ConfigSection for $name {
            const TABLE: $crate::config::section::SectionTable =
                $crate::config::section::SectionTable {
                    name: $section,
                    help: concat!($($help, "\n"),+),
                    is_repeated: $is_repeated,
                    keys: &[$($crate::config::section::ConfigKey {
                        path: concat!($prefix, stringify!($key)),
                        help: concat!($($key_help, "\n"),+),
                        field: &$crate::config::section::TypedField {
                            get: |section: &mut Self| &mut section.$key,
                            kind: $kind,
                        },
                    }),+],
                };

            fn within(config: &mut $crate::config::Config) -> Option<&mut Self> {
                let within: fn(&mut $crate::config::Config) -> Option<&mut Self> = $within;
                within(config)
            }
        }
    };
}

pub(super) use section;

// === impl ConfigKey ===

impl ConfigKey {
    /// The section; `None` for a key at the top level.
    pub(super) fn section(&self) -> Option<&'static str> {
        self.path.split_once('.').map(|(section, _)| section)
    }

    /// The name within its section.
    pub(super) fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }
}

// === impl TypedField ===

impl<S: ConfigSection, T, K: KeyKind<T>> KeyField for TypedField<S, T, K> {
    fn is_list(&self) -> bool {
        K::IS_LIST
    }

    fn describe(&self) -> String {
        self.kind.describe()
    }

    fn examples(&self) -> Vec<String> {
        self.kind.examples()
    }

    fn default(&self) -> String {
        self.kind.write((self.get)(&mut S::default()))
    }

    fn read(&self, reader: KeyReader<'_>, config: &mut Config) {
        if let (Some(value), Some(section)) = (self.kind.read(reader), S::within(config)) {
            *(self.get)(section) = value;
        }
    }

    fn show(&self, config: &mut Config) -> String {
        S::within(config).map_or_else(String::new, |section| self.kind.show((self.get)(section)))
    }

    #[cfg(test)]
    fn write(&self, config: &mut Config) -> String {
        S::within(config).map_or_else(String::new, |section| self.kind.write((self.get)(section)))
    }
}
