//! Enhanced status codes of RFC 3463, such as `5.1.1`.

/// The first enhanced status code in a text.
pub(super) fn first_status(text: &[u8]) -> Option<&[u8]> {
    let classes = text.iter().enumerate().filter(|(_, byte)| matches!(byte, b'2' | b'4' | b'5'));
    classes.map(|(at, _)| at).find_map(|at| {
        let len = status_len(&text[at..])?;
        let before = at.checked_sub(1).map(|before| text[before]);
        // Part of a longer number, such as an IP address, or of a name.
        let is_inner = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
        let after = &text[at + len..];
        let after = after.strip_prefix(b".").unwrap_or(after);
        let is_cut = after.first().is_some_and(u8::is_ascii_alphanumeric);
        (!is_inner && !is_cut).then(|| &text[at..at + len])
    })
}

/// The length of a class, a dot, a subject, a dot and a detail.
fn status_len(text: &[u8]) -> Option<usize> {
    let subject = number_len(text.get(1..)?)?;
    let detail = number_len(text.get(1 + subject..)?)?;
    Some(1 + subject + detail)
}

/// The length of a dot and one to three digits.
fn number_len(text: &[u8]) -> Option<usize> {
    let digits = text.strip_prefix(b".")?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (1..=3).contains(&digits).then_some(1 + digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_code_is_found_in_responses_and_diagnostics() {
        for (text, status) in [
            ("5.1.1", "5.1.1"),
            ("smtp; 550 5.1.1 no such user", "5.1.1"),
            ("smtp; 550-5.7.26 unauthenticated\n550 5.7.1 x", "5.7.26"),
            ("250 2.0.0 OK  1763640000 a-20020a05.12 - gsmtp", "2.0.0"),
            ("smtp; 554 5.7.606 Access denied, banned sending IP [192.0.2.1]", "5.7.606"),
            ("421 4.7.0 (4.7.1)", "4.7.0"),
            ("(#5.1.1)", "5.1.1"),
            ("Host 5.4.3.2 said: 550 5.2.2.", "5.2.2"),
            ("mx5.1.1 said 4.2.2: full", "4.2.2"),
            ("5.1.1.example.com said 4.4.1", "4.4.1"),
            ("smtp;550 5.1.1a 5.1.2", "5.1.2"),
            ("250 ok", "-"),
            ("250 2.6", "-"),
            ("3.1.1 9.9.9 5.1234.1 5.1.1234 5..1", "-"),
            ("192.0.2.5", "-"),
            ("", "-"),
        ] {
            let found = first_status(text.as_bytes()).unwrap_or(b"-");
            assert_eq!(String::from_utf8_lossy(found), status, "{text}");
        }
    }
}
