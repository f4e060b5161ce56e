//! The operations, independent of the API version.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use serde_json::{Value, json};

use super::changes::{self, TAGS};
use super::error::ApiError;
use crate::catalog::Catalog;
use crate::definitions::{
    ANY_CONFIGURATION_SET, ConfigurationSet, Definitions, DestinationExtensions, EventDestination,
    SetOptions,
};

/// An operation. `set` is the name of a configuration set, as in the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    CreateSet(ConfigurationSet),
    GetSet {
        set: String,
    },
    ListSets(Page),
    DeleteSet {
        set: String,
    },
    /// The member is removed if `options` does not have it.
    PutOptions {
        set: String,
        member: &'static str,
        options: SetOptions,
        how: PutHow,
    },
    ListTags {
        set: String,
    },
    Tag {
        set: String,
        options: SetOptions,
    },
    Untag {
        set: String,
        keys: Vec<String>,
    },
    CreateDestination {
        set: String,
        destination: EventDestination,
    },
    GetDestinations {
        set: String,
    },
    UpdateDestination {
        set: String,
        destination: EventDestination,
    },
    DeleteDestination {
        set: String,
        name: String,
    },
    GetSetExtensions {
        set: String,
    },
    PutSetExtensions {
        set: String,
        namespace: Option<String>,
    },
    GetDestinationExtensions {
        set: String,
        name: String,
    },
    PutDestinationExtensions {
        set: String,
        name: String,
        extensions: DestinationExtensions,
    },
}

/// How to treat existing options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PutHow {
    Replace,
    /// Members that are not named are kept.
    Merge,
    /// Existing options are an error.
    Create,
    /// Missing options are an error.
    Update,
}

/// Selects the names to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Names that contain this, ignoring case.
    pub contains: Option<String>,
    pub size: usize,
    /// Names after the last name of the previous page.
    pub token: Option<String>,
}

/// The result of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Success without a value.
    Done,
    Set(ConfigurationSet),
    Sets {
        names: Vec<String>,
        next: Option<String>,
    },
    Tags(Value),
    SetExtensions(Option<String>),
    Destination(EventDestination),
}

/// Maximum number of names on a page.
pub(super) const PAGE_MAX: usize = 1000;

// === impl Operation ===

impl Operation {
    /// Its name in SES, for the log and for errors.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::CreateSet(_) => "CreateConfigurationSet",
            Self::GetSet { .. } => "GetConfigurationSet",
            Self::ListSets(_) => "ListConfigurationSets",
            Self::DeleteSet { .. } => "DeleteConfigurationSet",
            Self::PutOptions { .. } => "PutConfigurationSetOptions",
            Self::ListTags { .. } => "ListTagsForResource",
            Self::Tag { .. } => "TagResource",
            Self::Untag { .. } => "UntagResource",
            Self::CreateDestination { .. } => "CreateConfigurationSetEventDestination",
            Self::GetDestinations { .. } => "GetConfigurationSetEventDestinations",
            Self::UpdateDestination { .. } => "UpdateConfigurationSetEventDestination",
            Self::DeleteDestination { .. } => "DeleteConfigurationSetEventDestination",
            Self::GetSetExtensions { .. } => "GetConfigurationSetExtensions",
            Self::PutSetExtensions { .. } => "PutConfigurationSetExtensions",
            Self::GetDestinationExtensions { .. } => "GetEventDestinationExtensions",
            Self::PutDestinationExtensions { .. } => "PutEventDestinationExtensions",
        }
    }

    /// Whether it changes nothing.
    pub(super) const fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::GetSet { .. }
                | Self::ListSets(_)
                | Self::GetDestinations { .. }
                | Self::ListTags { .. }
                | Self::GetSetExtensions { .. }
                | Self::GetDestinationExtensions { .. }
        )
    }

    /// The configuration set that it names.
    pub(super) fn set_name(&self) -> Option<&str> {
        match self {
            Self::CreateSet(set) => Some(&set.name),
            Self::ListSets(_) => None,
            Self::GetSet { set }
            | Self::DeleteSet { set }
            | Self::PutOptions { set, .. }
            | Self::ListTags { set }
            | Self::Tag { set, .. }
            | Self::Untag { set, .. }
            | Self::CreateDestination { set, .. }
            | Self::GetDestinations { set }
            | Self::UpdateDestination { set, .. }
            | Self::DeleteDestination { set, .. }
            | Self::GetSetExtensions { set }
            | Self::PutSetExtensions { set, .. }
            | Self::GetDestinationExtensions { set, .. }
            | Self::PutDestinationExtensions { set, .. } => Some(set),
        }
    }

    /// The event destination that it names.
    pub(super) fn destination_name(&self) -> Option<&str> {
        match self {
            Self::CreateDestination { destination, .. }
            | Self::UpdateDestination { destination, .. } => Some(&destination.name),
            Self::DeleteDestination { name, .. }
            | Self::GetDestinationExtensions { name, .. }
            | Self::PutDestinationExtensions { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Executes it. When a change returns, it is active and stored.
    ///
    /// # Errors
    /// It conflicts with the current definitions, or cannot be stored.
    pub(super) async fn run(self, catalog: &Catalog) -> Result<Answer, ApiError> {
        if self.only_reads() {
            return self.read(&catalog.in_force());
        }
        catalog.change(move |definitions| self.change(definitions)).await?;
        Ok(Answer::Done)
    }

    fn read(self, definitions: &Arc<Definitions>) -> Result<Answer, ApiError> {
        let set = |name: &str| changes::set(definitions, name).cloned();
        match self {
            Self::GetSet { set: name } | Self::GetDestinations { set: name } => {
                set(&name).map(Answer::Set)
            }
            Self::ListTags { set: name } => {
                let tags = set(&name)?.options.0.remove(TAGS);
                Ok(Answer::Tags(tags.unwrap_or_else(|| json!([]))))
            }
            Self::GetSetExtensions { set: name } => {
                set(&name).map(|set| Answer::SetExtensions(set.namespace))
            }
            Self::GetDestinationExtensions { set, name } => {
                changes::destination(definitions, &set, &name).cloned().map(Answer::Destination)
            }
            Self::ListSets(page) => page.of(definitions),
            _ => Ok(Answer::Done),
        }
    }

    fn change(self, definitions: &mut Definitions) -> Result<(), ApiError> {
        match self {
            Self::CreateSet(set) => changes::create_set(definitions, set),
            Self::DeleteSet { set } => changes::delete_set(definitions, &set),
            Self::PutOptions { set, member, options, how } => {
                changes::put_options(definitions, &set, member, options, how)
            }
            Self::Tag { set, options } => changes::tag(definitions, &set, options),
            Self::Untag { set, keys } => changes::untag(definitions, &set, &keys),
            Self::CreateDestination { set, destination } => {
                changes::create_destination(definitions, &set, destination)
            }
            Self::UpdateDestination { set, destination } => {
                changes::update_destination(definitions, &set, destination)
            }
            Self::DeleteDestination { set, name } => {
                changes::delete_destination(definitions, &set, &name)
            }
            Self::PutSetExtensions { set, namespace } => {
                changes::put_set_extensions(definitions, &set, namespace)
            }
            Self::PutDestinationExtensions { set, name, extensions } => {
                changes::put_destination_extensions(definitions, &set, &name, extensions)
            }
            Self::GetSet { .. }
            | Self::ListSets(_)
            | Self::GetDestinations { .. }
            | Self::ListTags { .. }
            | Self::GetSetExtensions { .. }
            | Self::GetDestinationExtensions { .. } => Ok(()),
        }
    }
}

// === impl Page ===

impl Page {
    /// The names, sorted, so that pages stay consistent when sets are created or deleted between
    /// them. The set `*` is omitted, because SES does not have it.
    fn of(&self, definitions: &Definitions) -> Result<Answer, ApiError> {
        let after = self.token.as_deref().map(after).transpose()?;
        let contains = self.contains.as_deref().unwrap_or_default().to_ascii_lowercase();
        let is_wanted = |name: &str| name.to_ascii_lowercase().contains(&contains);
        let names = definitions.configuration_sets.iter().map(|set| set.name.as_str());
        let mut names: Vec<&str> = names
            .filter(|name| *name != ANY_CONFIGURATION_SET && is_wanted(name))
            .filter(|name| after.as_deref().is_none_or(|after| *name > after))
            .collect();
        names.sort_unstable();
        let more = names.len() > self.size;
        names.truncate(self.size);
        let next = names.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(last));
        Ok(Answer::Sets { names: names.into_iter().map(str::to_owned).collect(), next })
    }
}

/// The last name of the previous page.
fn after(token: &str) -> Result<String, ApiError> {
    let decoded = URL_SAFE_NO_PAD.decode(token).ok().and_then(|name| String::from_utf8(name).ok());
    decoded.ok_or_else(|| ApiError::bad_request("The NextToken is not valid."))
}
