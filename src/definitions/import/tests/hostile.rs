//! Damaged inputs of every kind: an error or a document, and every place is in the input.

use proptest::prelude::*;
use proptest::sample::Index;

use super::cloudformation::TEMPLATE;
use super::{MEANING, aws_cli, imported, terraform};
use crate::definitions::{ExportFormat, export, read};
use crate::finding::Place;

/// Texts of every kind that is read.
fn kinds() -> Vec<String> {
    let definitions = read("f", MEANING).definitions.expect("valid");
    let sets: Vec<_> = definitions.configuration_sets.iter().collect();
    let exported = |format| export(&sets, format).expect("JSON").text;
    vec![
        MEANING.to_owned(),
        format!("--- {MEANING}"),
        TEMPLATE.to_owned(),
        TEMPLATE.replace('\n', "\r\n").replace("Mail of the shop", "\u{c9}\u{1f600}"),
        aws_cli::DESCRIBED.repeat(2),
        terraform::state(&terraform::resources(), &[]),
        exported(ExportFormat::Cli),
        exported(ExportFormat::CloudFormation),
    ]
}

/// Pieces that change the meaning of what surrounds them.
const PIECES: [&str; 22] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    ":",
    ",",
    "-",
    "!Ref x",
    "!Sub '${x}'",
    "&a",
    "*a",
    "\n",
    "\r",
    "\\",
    "|",
    ">",
    "#",
    "\u{e9}",
    "null",
    "7",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_input_is_an_error_or_a_document(
        kind in any::<Index>(),
        damages in prop::collection::vec(
            (any::<Index>(), 0_usize..30, prop::sample::select(PIECES.to_vec())), 1..5,
        ),
        set in prop::option::of(Just("prod")),
    ) {
        let mut text = kind.get(&kinds()).clone();
        for (at, removed, piece) in damages {
            let from = text.floor_char_boundary(at.index(text.len().max(1)));
            let to = text.floor_char_boundary((from + removed).min(text.len()));
            text.replace_range(from..to, piece);
        }
        // Asserts that there is a document or an error.
        let result = imported(set, &["{\"EventDestinations\": []}", &text]);
        for finding in &result.findings {
            let Place::File { file, line, column } = &finding.place else { panic!("{finding}") };
            let text = if file == "f0" { "{\"EventDestinations\": []}" } else { text.as_str() };
            let shown = text.split('\n').nth(line - 1);
            let shown = shown.unwrap_or_else(|| panic!("{finding}: no such line in {text}"));
            prop_assert!((1..=shown.chars().count() + 1).contains(column), "{finding}\n{text}");
        }
        if let Some(document) = result.document {
            prop_assert!(read("f", &document).definitions.is_some(), "{document}");
        }
    }
}
