//! The operations, independent of the API version.

use std::sync::Arc;

use serde_json::json;

use super::changes::{self, TAGS};
use super::error::ApiError;
use super::output::OperationOutput;
use super::page::SetsPage;
use super::put_mode::PutMode;
use crate::catalog::Catalog;
use crate::definitions::{
    ConfigurationSet, Definitions, DestinationExtensions, EventDestination, SetOptions,
};

/// An operation. `set` is the name of a configuration set, as in the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    CreateSet(ConfigurationSet),
    GetSet {
        set: String,
    },
    ListSets(SetsPage),
    DeleteSet {
        set: String,
    },
    /// The member is removed if `options` does not have it.
    PutOptions {
        set: String,
        member: &'static str,
        options: SetOptions,
        mode: PutMode,
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
    pub(super) async fn run(self, catalog: &Catalog) -> Result<OperationOutput, ApiError> {
        if self.only_reads() {
            return self.read(&catalog.in_force());
        }
        catalog.change(move |definitions| self.change(definitions)).await?;
        Ok(OperationOutput::Done)
    }

    fn read(self, definitions: &Arc<Definitions>) -> Result<OperationOutput, ApiError> {
        let set = |name: &str| changes::set(definitions, name).cloned();
        match self {
            Self::GetSet { set: name } | Self::GetDestinations { set: name } => {
                set(&name).map(OperationOutput::Set)
            }
            Self::ListTags { set: name } => {
                let tags = set(&name)?.options.0.remove(TAGS);
                Ok(OperationOutput::Tags(tags.unwrap_or_else(|| json!([]))))
            }
            Self::GetSetExtensions { set: name } => {
                set(&name).map(|set| OperationOutput::SetExtensions(set.namespace))
            }
            Self::GetDestinationExtensions { set, name } => {
                changes::destination(definitions, &set, &name)
                    .cloned()
                    .map(OperationOutput::Destination)
            }
            Self::ListSets(page) => page.of(definitions),
            _ => Ok(OperationOutput::Done),
        }
    }

    fn change(self, definitions: &mut Definitions) -> Result<(), ApiError> {
        match self {
            Self::CreateSet(set) => changes::create_set(definitions, set),
            Self::DeleteSet { set } => changes::delete_set(definitions, &set),
            Self::PutOptions { set, member, options, mode } => {
                changes::put_options(definitions, &set, member, options, mode)
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
