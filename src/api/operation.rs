//! The operations, whichever version of the API asks for them.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use serde_json::{Value, json};

use super::changes::{self, TAGS};
use super::error::ApiError;
use crate::catalog::Book;
use crate::definitions::{
    ANY_CONFIGURATION_SET, ConfigurationSet, Definitions, DestinationExtensions, EventDestination,
    SetOptions,
};

/// What is asked for. `set` is the name of a configuration set, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    CreateSet(ConfigurationSet),
    GetSet {
        set: String,
    },
    ListSets(Page),
    DeleteSet {
        set: String,
    },
    /// Without the member in `options`, it is removed.
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

/// What becomes of options that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutHow {
    Replace,
    /// What is not named stays.
    Merge,
    /// There must be none.
    Create,
    /// There must be some.
    Update,
}

/// Which names are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Those that contain this, in any case.
    pub contains: Option<String>,
    pub size: usize,
    /// Those behind what another page ended with.
    pub token: Option<String>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
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

/// Names on a page, unless fewer are asked for.
pub const PAGE_MAX: usize = 1000;

// === impl Operation ===

impl Operation {
    /// As SES names it; for the log, and for those who may not.
    pub const fn name(&self) -> &'static str {
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

    /// Whether it leaves everything as it is.
    pub const fn only_reads(&self) -> bool {
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
    pub fn set_name(&self) -> Option<&str> {
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
    pub fn destination_name(&self) -> Option<&str> {
        match self {
            Self::CreateDestination { destination, .. }
            | Self::UpdateDestination { destination, .. } => Some(&destination.name),
            Self::DeleteDestination { name, .. }
            | Self::GetDestinationExtensions { name, .. }
            | Self::PutDestinationExtensions { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Does it: what is answered to a change is in force and kept.
    ///
    /// # Errors
    /// It does not go with what is there, or cannot be kept.
    pub async fn run(self, book: &Book) -> Result<Answer, ApiError> {
        if self.only_reads() {
            return self.read(&book.in_force());
        }
        book.change(move |definitions| self.change(definitions)).await?;
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
    /// The names, in their order as texts, so that pages go on where they ended whatever was
    /// created or deleted between them. SES knows no set of every other set.
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

/// The name that another page ended with.
fn after(token: &str) -> Result<String, ApiError> {
    let decoded = URL_SAFE_NO_PAD.decode(token).ok().and_then(|name| String::from_utf8(name).ok());
    decoded.ok_or_else(|| ApiError::bad_request("The NextToken is not valid."))
}
