//! Converts output of the AWS CLI to a definitions document.
//!
//! The output of `aws sesv2 get-configuration-set-event-destinations` names no configuration set;
//! the result is the same list under the name that the operator gives. Only the structure is
//! checked here: the caller passes the result to [`read`](super::read).

use serde_json::{Value, json};

use super::validate::{DOCUMENT_BYTES_MAX, configuration_set_name_fault};

/// Why there is nothing to import.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The name given for the configuration set is not valid.
    #[error("{0}; {1}")]
    Name(String, String),
    /// The input is larger than a definitions document may be.
    #[error("input has {0} bytes; the limit is {DOCUMENT_BYTES_MAX}")]
    TooLarge(usize),
    /// The input is not JSON.
    #[error("input is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The input is JSON, but not a list of event destinations.
    #[error(
        "input has no EventDestinations list; pass the output of `aws sesv2 \
         get-configuration-set-event-destinations`"
    )]
    NoEventDestinations,
}

/// Wraps a list of event destinations into a definitions document with one configuration set.
pub fn import(configuration_set: &str, text: &str) -> Result<String, ImportError> {
    if let Some((what, fix)) = configuration_set_name_fault(configuration_set) {
        return Err(ImportError::Name(what, fix));
    }
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(ImportError::TooLarge(text.len()));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut output: Value = serde_json::from_str(text)?;
    let destinations = output.get_mut("EventDestinations").map(Value::take);
    let Some(destinations @ Value::Array(_)) = destinations else {
        return Err(ImportError::NoEventDestinations);
    };
    let document = json!({
        "ConfigurationSets": [{
            "ConfigurationSetName": configuration_set,
            "EventDestinations": destinations,
        }]
    });
    let mut document = serde_json::to_string_pretty(&document)?;
    document.push('\n');
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::read;

    const PRINTED: &str = r#"{
        "EventDestinations": [{
            "Name": "by-campaign",
            "Enabled": true,
            "MatchingEventTypes": ["SEND", "BOUNCE"],
            "CloudWatchDestination": {"DimensionConfigurations": [{
                "DimensionName": "campaign",
                "DimensionValueSource": "MESSAGE_TAG",
                "DefaultDimensionValue": "none"
            }]}
        }]
    }"#;

    #[test]
    fn output_of_the_aws_cli_becomes_a_document_without_findings() {
        let document = import("prod", PRINTED).unwrap();

        assert!(document.ends_with("}\n"), "{document}");
        assert!(document.lines().count() > 10, "{document}");
        let reading = read("definitions.json", &document);
        assert_eq!(reading.findings, []);
        let definitions = reading.definitions.unwrap();
        assert_eq!(definitions.configuration_sets.len(), 1);
        assert_eq!(definitions.configuration_sets[0].name, "prod");
        assert_eq!(definitions.configuration_sets[0].event_destinations[0].name, "by-campaign");
    }

    #[test]
    fn byte_order_mark_and_empty_list_are_accepted() {
        let document = import("prod", "\u{feff}{\"EventDestinations\": []}").unwrap();
        assert!(read("f", &document).definitions.is_some());
    }

    #[test]
    fn wrong_name_is_rejected_with_its_fix() {
        for name in ["", "two words", &"x".repeat(65)] {
            let error = import(name, PRINTED).unwrap_err();
            assert!(matches!(error, ImportError::Name(..)), "{name}: {error}");
            assert!(error.to_string().starts_with("configuration set name "), "{error}");
            assert!(error.to_string().len() < 300, "{error}");
        }
        assert!(import("*", PRINTED).is_ok());
    }

    #[test]
    fn other_input_is_rejected() {
        assert!(matches!(import("prod", "{"), Err(ImportError::Json(_))));
        assert!(matches!(import("prod", ""), Err(ImportError::Json(_))));
        assert!(matches!(import("prod", &"[".repeat(500_000)), Err(ImportError::Json(_))));
        let large = " ".repeat(DOCUMENT_BYTES_MAX + 1);
        assert!(matches!(import("prod", &large), Err(ImportError::TooLarge(_))));
        for text in
            ["[]", "{}", "7", r#"{"EventDestinations":null}"#, r#"{"EventDestinations":{}}"#]
        {
            let error = import("prod", text).unwrap_err();
            assert!(matches!(error, ImportError::NoEventDestinations), "{text}: {error}");
        }
    }
}
