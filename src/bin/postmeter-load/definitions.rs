//! The definitions for the expected counts.

use std::path::Path;

use postmeter::app::EXAMPLE_DEFINITIONS;
use postmeter::definitions::{self, namespace_fault};
use postmeter::synth::Truth;
use serde_json::Value;

use super::args::TrafficArgs;
use super::output::complain;

/// An empty truth under the definitions of the command line; `None` if those are invalid, after an
/// error message.
pub(crate) fn truth(args: &TrafficArgs) -> Option<Truth> {
    if let Some((what, fix)) = namespace_fault(&args.namespace) {
        complain(&format!("--namespace: {what}; {fix}"));
        return None;
    }
    let json = match &args.definitions {
        None => serde_json::from_str(EXAMPLE_DEFINITIONS).ok()?,
        Some(path) => read(path)?,
    };
    Some(Truth::new(&json, args.default_set.as_deref(), &args.namespace))
}

fn read(path: &Path) -> Option<Value> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| complain(&format!("cannot read the definitions {name}: {error}")))
        .ok()?;
    let reading = definitions::read(&name, &text);
    for finding in &reading.findings {
        complain(&finding.to_string());
    }
    // The truth requires a valid document.
    reading.definitions?;
    serde_json::from_str(&text)
        .map_err(|error| complain(&format!("cannot read the definitions {name}: {error}")))
        .ok()
}
