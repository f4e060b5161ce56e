//! What a run over files or objects does not count, in sentences.

use super::not_counted::{Names, NotCounted, NotCountedKind};
use super::tally::Tally;
use crate::printable::{counted, shown};

/// What was not counted in some texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct NotCountedReport {
    kinds: [Option<FirstPlace>; NotCountedKind::ALL.len()],
}

#[derive(Clone, Debug)]
struct FirstPlace {
    text: String,
    at: u64,
    names: Names,
}

// === impl NotCountedReport ===

impl NotCountedReport {
    /// Adds what was not counted in the next text, by its name.
    pub(crate) fn add(&mut self, text: &str, found: &NotCounted) {
        for (kind, at, names) in found.kinds() {
            match &mut self.kinds[kind as usize] {
                Some(first) => first.names.append(names),
                none => *none = Some(FirstPlace { text: shown(text), at, names: names.clone() }),
            }
        }
    }

    /// A sentence for each kind, with the total of all texts.
    #[must_use]
    pub(crate) fn sentences(&self, tally: &Tally) -> Vec<String> {
        let kinds = NotCountedKind::ALL.into_iter().zip(&self.kinds);
        let found = kinds.filter_map(|(kind, first)| first.as_ref().map(|first| (kind, first)));
        let sentences = found.map(|(kind, FirstPlace { text, at, names })| {
            let what = sentence(kind, kind.count(tally), names);
            let lost = lost(kind, tally.lost_bytes);
            format!("{what}; the first is at byte {at} of the text in {text}{lost}")
        });
        sentences.collect()
    }
}

/// The unreadable values of one text in a sentence; `None` without any.
#[must_use]
pub(crate) fn unreadable(text: &str, found: &NotCounted, tally: &Tally) -> Option<String> {
    let kind = NotCountedKind::Malformed;
    let at = found.first(kind)?;
    let (_, _, names) = found.kinds().find(|(found, ..)| *found == kind)?;
    let what = sentence(kind, tally.malformed, names);
    let lost = lost(kind, tally.lost_bytes);
    let advice =
        found.compression().map(|compression| format!("; it has {}", compression.advice()));
    let advice = advice.unwrap_or_default();
    let text = shown(text);
    Some(format!("{text}: {what}; the first is at byte {at} of the text{lost}{advice}"))
}

fn sentence(kind: NotCountedKind, count: u64, names: &Names) -> String {
    let (noun, verb) = match kind {
        NotCountedKind::Malformed => ("value", "could not be read"),
        NotCountedKind::Foreign | NotCountedKind::UnknownType => ("value", "not counted"),
        NotCountedKind::Unrouted | NotCountedKind::Unmatched => ("event", "not counted"),
        NotCountedKind::InvalidValue => ("count", "dropped"),
    };
    let (count, name) = (counted(count, noun), kind.name());
    let names = names.shown().map(|names| format!(": {names}")).unwrap_or_default();
    format!("{count} {verb} ({name}{names})")
}

fn lost(kind: NotCountedKind, bytes: u64) -> String {
    if kind != NotCountedKind::Malformed || bytes == 0 {
        return String::new();
    }
    let (bytes, is) = (counted(bytes, "byte"), if bytes == 1 { "is" } else { "are" });
    format!("; {bytes} {is} lost, because no newline follows their fault")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::ValueTally;
    use crate::ses::NonEventReason;

    #[test]
    fn each_kind_has_a_sentence_with_its_first_place_in_all_texts() {
        let mut report = NotCountedReport::default();
        assert_eq!(report.sentences(&Tally::default()), [""; 0]);
        let mut first = NotCounted::default();
        first.add(NotCountedKind::Foreign, 7, "", "");
        first.unrouted(None, 9);
        report.add("a", &first);
        let mut second = NotCounted::default();
        second.non_event(NonEventReason::NotJson(b"?"), 1);
        second.unrouted(Some(b"staging"), 2);
        second.unrouted(Some(b"staging"), 3);
        second.add(NotCountedKind::Unmatched, 4, "prod", "Open");
        second.add(NotCountedKind::InvalidValue, 5, "prod", "by-campaign");
        report.add("b\n", &second);
        let tally = Tally {
            malformed: 1,
            lost_bytes: 1,
            foreign: 1,
            unrouted: 3,
            unmatched: 1,
            values: ValueTally { invalid_value: 1, ..ValueTally::default() },
            ..Tally::default()
        };
        assert_eq!(
            report.sentences(&tally),
            [
                "1 value could not be read (malformed: not JSON 1); the first is at byte 1 of the \
                 text in b\\n; 1 byte is lost, because no newline follows their fault",
                "1 value not counted (foreign); the first is at byte 7 of the text in a",
                "3 events not counted (unrouted: staging 2, no configuration set 1); the first is at \
                 byte 9 of the text in a",
                "1 event not counted (unmatched: prod/Open 1); the first is at byte 4 of the text in \
                 b\\n",
                "1 count dropped (invalid_value: prod/by-campaign 1); the first is at byte 5 of the \
                 text in b\\n",
            ]
        );
        let unreadable = unreadable("s3://b/k", &second, &tally).expect("a sentence");
        assert_eq!(
            unreadable,
            "s3://b/k: 1 value could not be read (malformed: not JSON 1); the first is at byte 1 of \
             the text; 1 byte is lost, because no newline follows their fault"
        );
    }
}
