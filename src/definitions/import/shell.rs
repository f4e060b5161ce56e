//! Commands of the AWS CLI with `--cli-input-json`, as `postmeter export --format cli` prints them.

use std::borrow::Cow;

const OPTION: &str = "--cli-input-json";

/// Whether a text is a script: its first line that is no comment is a command.
pub(super) fn has_commands(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    first.is_some_and(|line| line.starts_with("aws "))
}

/// The JSON of each command, with the offset of its first byte. A command that has none stands for
/// itself, so that it is reported.
pub(super) fn inputs(text: &str) -> impl Iterator<Item = (usize, Cow<'_, str>)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        loop {
            let line = text.get(rest..).filter(|line| !line.trim().is_empty())?;
            let start = text.len() - line.trim_start().len();
            if text[start..].starts_with('#') {
                rest = text[start..].find('\n').map_or(text.len(), |end| start + end + 1);
                continue;
            }
            let (input, end) = command(text, start);
            rest = end;
            return Some(input);
        }
    })
}

/// The input of the command that starts here, and where the command ends.
fn command(text: &str, start: usize) -> ((usize, Cow<'_, str>), usize) {
    let mut input = (start, Cow::Borrowed(text[start..].lines().next().unwrap_or_default()));
    let mut is_input = false;
    let mut at = start;
    loop {
        let blank = |letter: char| letter == ' ' || letter == '\t';
        at = text.len() - text[at..].trim_start_matches(blank).len();
        match text[at..].chars().next() {
            None => return (input, text.len()),
            Some('\n' | '\r' | ';') => return (input, at + 1),
            // A line that goes on.
            Some('\\') if text[at + 1..].starts_with(['\n', '\r']) => {
                at += if text[at + 1..].starts_with("\r\n") { 3 } else { 2 };
                continue;
            }
            Some(_) => {}
        }
        let (word, end) = word(text, at);
        if is_input {
            let quote = usize::from(text[at..].starts_with(['\'', '"']));
            input = (at + quote, word);
            is_input = false;
        } else {
            is_input = word == OPTION;
        }
        at = end;
    }
}

/// The word that starts here, without its quotes, and where it ends.
fn word(text: &str, start: usize) -> (Cow<'_, str>, usize) {
    let mut word = String::new();
    let mut at = start;
    let mut quote = None;
    while let Some(letter) = text[at..].chars().next() {
        let after = at + letter.len_utf8();
        match (quote, letter) {
            (None, ' ' | '\t' | '\n' | '\r' | ';') => break,
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None | Some('"'), '\\') => {
                let escaped = text[after..].chars().next();
                let stays = quote.is_some()
                    && !escaped.is_some_and(|next| matches!(next, '"' | '\\' | '$' | '`'));
                if stays {
                    word.push(letter);
                } else if let Some(next) = escaped {
                    word.push(next);
                    at = after + next.len_utf8();
                    continue;
                }
            }
            (_, letter) => word.push(letter),
        }
        at = after;
    }
    // Borrowed where it can be, because numbers of a tree are.
    let inner = text[start..at].trim_matches(['\'', '"']);
    (if inner == word { Cow::Borrowed(inner) } else { Cow::Owned(word) }, at)
}
