//! `postmeter hash-password`: makes the hash of a password for `console.users`.

use std::io::{IsTerminal, Read, Write};

use anyhow::Context;
use console::Term;

use super::Exit;
use super::output::warn_user;
use crate::console::hash_password;

/// A shorter password can be guessed, however slowly.
const PASSWORD_CHARS_MIN: usize = 12;
/// Longer input is not a password.
const PASSWORD_BYTES_MAX: u64 = 1024;

/// Runs the command. The password comes from the terminal, without echo, or from stdin; never from the
/// command line, which other users of the machine can read.
///
/// # Errors
/// The password cannot be read, or the hash cannot be written.
pub(super) fn run() -> anyhow::Result<Exit> {
    let password = if std::io::stdin().is_terminal() {
        let Some(password) = ask()? else { return Ok(Exit::Usage) };
        password
    } else {
        let mut text = String::new();
        let mut stdin = std::io::stdin().lock().take(PASSWORD_BYTES_MAX + 2);
        stdin.read_to_string(&mut text).context("cannot read the password from stdin")?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        line.strip_suffix('\r').unwrap_or(line).to_owned()
    };
    if let Some(fault) = fault(&password) {
        warn_user(fault);
        return Ok(Exit::Usage);
    }
    let hash = hash_password(&password).map_err(|error| anyhow::anyhow!("{error}"))?;
    writeln!(std::io::stdout(), "{hash}")?;
    Ok(Exit::Done)
}

/// Asks twice; `None` if the passwords differ.
fn ask() -> anyhow::Result<Option<String>> {
    let term = Term::stderr();
    let read = |what: &str| {
        write!(&term, "{what}: ")?;
        term.read_secure_line()
    };
    let password = read("Password").context("cannot read the password")?;
    let again = read("The same again").context("cannot read the password")?;
    if password == again {
        return Ok(Some(password));
    }
    warn_user("the two passwords differ");
    Ok(None)
}

fn fault(password: &str) -> Option<&'static str> {
    if password.len() as u64 > PASSWORD_BYTES_MAX {
        return Some("the password is longer than 1024 bytes; choose a shorter one");
    }
    if password.contains(['\n', '\r']) {
        return Some("the password has more than one line; send one line to stdin");
    }
    let is_short = password.chars().count() < PASSWORD_CHARS_MIN;
    is_short.then_some("the password has fewer than 12 characters; choose a longer one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_one_line_of_12_characters_to_1024_bytes() {
        assert_eq!(fault("correct horse"), None);
        assert_eq!(fault(&"\u{e9}".repeat(12)), None);
        assert_eq!(fault(&"x".repeat(1024)), None);
        for wrong in ["", "elevenchars", "correct\nhorse", &*"x".repeat(1025)] {
            assert!(fault(wrong).is_some(), "{wrong}");
        }
    }
}
