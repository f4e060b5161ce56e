//! JSON as a tree that can hold what a map cannot: repeated keys, escaped ones, and broken tokens.

use super::random::Random;

/// A JSON value.
#[derive(Clone, Debug)]
pub(super) enum Tree {
    /// A number or literal, or anything else as it stands in the text.
    Token(Vec<u8>),
    /// A string, between its quotes as in the text.
    Text(Vec<u8>),
    List(Vec<Tree>),
    Object(Vec<(Vec<u8>, Tree)>),
}

// === impl Tree ===

impl Tree {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }

    pub(super) fn token(token: &str) -> Self {
        Self::Token(token.as_bytes().to_vec())
    }

    pub(super) fn object<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Object(members.map(|(key, member)| (key.as_bytes().to_vec(), member)).into())
    }

    /// The number of values in it, itself included.
    pub(super) fn size(&self) -> usize {
        1 + match self {
            Self::Token(_) | Self::Text(_) => 0,
            Self::List(elements) => elements.iter().map(Self::size).sum(),
            Self::Object(members) => members.iter().map(|(_, member)| member.size()).sum(),
        }
    }

    /// The value with this number, from 0, in the order of the text.
    pub(super) fn nth(&mut self, number: usize) -> Option<&mut Self> {
        if number == 0 {
            return Some(self);
        }
        let mut left = number - 1;
        let inner: Vec<&mut Self> = match self {
            Self::Token(_) | Self::Text(_) => Vec::new(),
            Self::List(elements) => elements.iter_mut().collect(),
            Self::Object(members) => members.iter_mut().map(|(_, member)| member).collect(),
        };
        for value in inner {
            let size = value.size();
            if left < size {
                return value.nth(left);
            }
            left -= size;
        }
        None
    }

    /// Writes it, with white space between some tokens if `spaced`.
    pub(super) fn write(&self, random: &mut Random, spaced: bool, out: &mut Vec<u8>) {
        match self {
            Self::Token(token) => out.extend_from_slice(token),
            Self::Text(text) => write_text(text, out),
            Self::List(elements) => {
                out.push(b'[');
                for (at, element) in elements.iter().enumerate() {
                    separate(at, random, spaced, out);
                    element.write(random, spaced, out);
                }
                space(random, spaced, out);
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (at, (key, member)) in members.iter().enumerate() {
                    separate(at, random, spaced, out);
                    write_text(key, out);
                    space(random, spaced, out);
                    out.push(b':');
                    space(random, spaced, out);
                    member.write(random, spaced, out);
                }
                space(random, spaced, out);
                out.push(b'}');
            }
        }
    }
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

fn separate(at: usize, random: &mut Random, spaced: bool, out: &mut Vec<u8>) {
    if at > 0 {
        space(random, spaced, out);
        out.push(b',');
    }
    space(random, spaced, out);
}

fn space(random: &mut Random, spaced: bool, out: &mut Vec<u8>) {
    if spaced && random.once_in(3) {
        let space: &[u8] = random.pick(&[b" ", b"\n", b"\t", b"\r\n", b"\n    "]);
        out.extend_from_slice(space);
    }
}
