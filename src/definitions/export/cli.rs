//! Commands of the AWS CLI.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::definitions::json::{EventDestinationJson, Extensions};
use crate::definitions::model::ConfigurationSet;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CreateSet<'a> {
    configuration_set_name: &'a str,
    #[serde(flatten)]
    options: &'a BTreeMap<&'static str, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CreateDestination<'a> {
    configuration_set_name: &'a str,
    event_destination_name: &'a str,
    event_destination: EventDestinationJson<'a>,
}

/// One command per line, sets before their destinations.
pub(super) fn commands(sets: &[&ConfigurationSet]) -> Result<String, serde_json::Error> {
    let mut commands = String::new();
    for set in sets {
        let input = CreateSet { configuration_set_name: &set.name, options: &set.options.0 };
        commands += &command("create-configuration-set", &input)?;
        for destination in &set.event_destinations {
            let event_destination = EventDestinationJson::new(destination, Extensions::Hidden);
            let input = CreateDestination {
                configuration_set_name: &set.name,
                event_destination_name: &destination.name,
                event_destination: event_destination.without_name(),
            };
            commands += &command("create-configuration-set-event-destination", &input)?;
        }
    }
    Ok(commands)
}

/// A command with its input quoted for the shell.
fn command(name: &str, input: &impl Serialize) -> Result<String, serde_json::Error> {
    let input = serde_json::to_string(input)?.replace('\'', r"'\''");
    Ok(format!("aws sesv2 {name} --cli-input-json '{input}'\n"))
}
