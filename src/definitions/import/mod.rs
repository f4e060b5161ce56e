//! Makes a definitions document of what people have: output and input of the AWS CLI, templates of
//! `CloudFormation`, state of Terraform, and other documents.
//!
//! The data path: `source` (a text to JSON or YAML values) -> `aws_cli`, `cloudformation` or
//! `terraform` (a value to parts of configuration sets, in the spelling of `keys`) -> `parts` (one
//! document) -> the validation. Values keep their places, so findings name the place in the input.

mod aws_cli;
mod cloudformation;
mod intrinsic;
mod keys;
mod parts;
mod shell;
mod source;
mod terraform;
mod tree;
mod yaml;

#[cfg(test)]
mod tests;

use self::parts::Parts;
use self::source::SourceText;
use super::Definitions;
use super::json::to_document;
use super::validate::{self, DOCUMENT_BYTES_MAX, FindingReport, Named, Spot};
use crate::finding::Finding;

/// A text to import, and its name in findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportInput {
    pub name: String,
    pub text: String,
}

/// The result of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Present exactly when no finding is an error.
    pub document: Option<String>,
    /// Sorted by place.
    pub findings: Vec<Finding>,
}

/// Makes one document of all inputs. `configuration_set`: the set of event destinations whose input
/// does not name one.
#[must_use]
pub fn import(configuration_set: Option<&str>, inputs: &[ImportInput]) -> Imported {
    let mut report = FindingReport::default();
    let named: Vec<Named> =
        inputs.iter().map(|ImportInput { name, text }| Named { name, text }).collect();
    let definitions = read(configuration_set, &named, &mut report);
    let document = definitions.and_then(|definitions| to_document(&definitions).ok());
    Imported { document, findings: report.into_findings(&named) }
}

fn read(
    configuration_set: Option<&str>,
    inputs: &[Named],
    report: &mut FindingReport,
) -> Option<Definitions> {
    let start = Spot { offset: 0, path: String::new() };
    let bytes: usize = inputs.iter().map(|input| input.text.len()).sum();
    if bytes > DOCUMENT_BYTES_MAX {
        let fix = format!("the limit is {DOCUMENT_BYTES_MAX}; import fewer configuration sets");
        report.error(&start, format!("input has {bytes} bytes"), fix);
        return None;
    }
    let texts = source::texts(inputs);
    let mut parts = Parts::new(configuration_set);
    for SourceText { starts_input, base, text } in &texts {
        if *starts_input {
            parts.start_input();
        }
        for value in source::values(text, *base, report) {
            aws_cli::add(value, &mut parts, report);
        }
    }
    if parts.is_empty() {
        if !report.has_errors() {
            let fix = "pass the output of `aws sesv2 get-configuration-set-event-destinations`, or \
                       another input that `postmeter import --help` lists";
            report.error(&start, "input has no configuration set and no event destination", fix);
        }
        return None;
    }
    validate::read_tree(&parts.into_document(), report)
}
