//! Documents to compare readers with: events, then changes of their meaning, then changes of bytes.
//!
//! Changed bytes alone rarely reach what differs in meaning: a repeated key, a key with escapes, a
//! field of another kind.

use super::random::Random;
use super::tree::Tree;
use super::wrapped::wrapped;

/// A document that begins at a position of a text.
#[derive(Debug)]
pub(super) struct TestDocument {
    pub(super) text: Vec<u8>,
    /// Of its first byte.
    pub(super) at: usize,
}

/// Makes the next document.
#[must_use]
pub(super) fn document(random: &mut Random) -> TestDocument {
    let mut tree = event(random);
    if random.once_in(4) {
        tree = wrapped(&tree, random);
    }
    for _ in 0..random.pick(&[0, 0, 1, 1, 2, 4]) {
        change_meaning(&mut tree, random);
    }
    // Every alignment to a block.
    let at = random.below(64);
    let mut text = vec![b' '; at];
    let spaced = random.once_in(4);
    tree.write(random, spaced, &mut text);
    let behind: &[u8] =
        random.pick(&[b"", b"\n", b"\"", b"\\\"", b"}", b" {\"eventType\":\"Send\"}\n", b"\xff\n"]);
    text.extend_from_slice(behind);
    if random.once_in(2) {
        for _ in 0..=random.below(3) {
            change_bytes(&mut text, at, random);
        }
    }
    TestDocument { text, at }
}

/// The content of a string: of any length around those of blocks, with or without unusual bytes.
fn content(random: &mut Random) -> Vec<u8> {
    const PARTS: &[&[u8]] = &[
        b"\\\"",
        b"\\\\",
        b"\\\\\\\"",
        b"\\n",
        b"\\/",
        b"\\u0041",
        b"\\u00e9",
        b"\\ud83d\\ude00",
        b"\\ud800",
        "\u{e9}".as_bytes(),
        "\u{2013}".as_bytes(),
        "\u{1f600}".as_bytes(),
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"'",
        b"/",
        b" ",
        b"\x7f",
    ];
    let mut content =
        vec![b'a'; random.pick(&[0, 1, 2, 5, 9, 17, 30, 50, 61, 62, 63, 64, 65, 130])];
    if random.once_in(3) {
        for _ in 0..=random.below(4) {
            let place = random.below(content.len() + 1);
            // Never inside of an earlier part.
            let place = (place..=content.len())
                .find(|place| content[..*place].iter().all(|byte| *byte == b'a'))
                .unwrap_or(content.len());
            let part = random.pick(PARTS);
            content.splice(place..place, part.iter().copied());
        }
    }
    content
}

pub(super) fn any_text(random: &mut Random) -> Tree {
    Tree::Text(content(random))
}

fn address(random: &mut Random) -> Tree {
    Tree::text(random.pick(&["a@b.example", "r0000001@mail.example", ""]))
}

fn event(random: &mut Random) -> Tree {
    const BLOCKS: &[(&str, &str)] = &[
        ("Send", "send"),
        ("Delivery", "delivery"),
        ("Open", "open"),
        ("Click", "click"),
        ("Bounce", "bounce"),
        ("Complaint", "complaint"),
        ("DeliveryDelay", "deliveryDelay"),
        ("Subscription", "subscription"),
    ];
    let (event_type, name) = random.pick(BLOCKS);
    let key = random.pick(&["eventType", "eventType", "eventType", "notificationType"]);
    let mut members =
        vec![(key, Tree::text(event_type)), ("mail", mail(random)), (name, block(name, random))];
    // A block or a type that belongs to another event.
    if random.once_in(8) {
        let (other_type, other_name) = random.pick(BLOCKS);
        let other = match random.below(3) {
            0 => ("eventType", Tree::text(other_type)),
            1 => ("notificationType", Tree::text(other_type)),
            _ => (other_name, block(other_name, random)),
        };
        members.insert(random.below(members.len() + 1), other);
    }
    Tree::Object(members.into_iter().map(|(key, member)| (key.into(), member)).collect())
}

fn mail(random: &mut Random) -> Tree {
    let headers = (0..random.below(6)).map(|_| header(random)).collect();
    let mut tags = vec![(b"ses:configuration-set".to_vec(), list(Tree::text("bulk")))];
    for _ in 0..random.below(4) {
        let name = random.pick(&["campaign", "tenant", "genre", "ses:from-domain"]);
        tags.push((name.as_bytes().to_vec(), list(any_text(random))));
    }
    Tree::object([
        ("timestamp", Tree::text("2026-11-20T12:00:00.000Z")),
        ("source", any_text(random)),
        ("sourceArn", Tree::text("arn:aws:ses:eu-west-1:1:identity/example.com")),
        ("sendingAccountId", Tree::text("1")),
        ("messageId", Tree::text("0100-1")),
        ("destination", list(address(random))),
        ("headersTruncated", Tree::token("false")),
        ("headers", Tree::List(headers)),
        (
            "commonHeaders",
            Tree::object([("from", list(address(random))), ("subject", any_text(random))]),
        ),
        ("tags", Tree::Object(tags)),
    ])
}

fn header(random: &mut Random) -> Tree {
    let name =
        random.pick(&["X-campaign", "x-TENANT", "X-tenant", "Subject", "From", "Received-1"]);
    Tree::object([("name", Tree::text(name)), ("value", any_text(random))])
}

fn block(name: &str, random: &mut Random) -> Tree {
    let time = ("timestamp", Tree::text("2026-11-20T12:01:00Z"));
    let recipients = Tree::List(vec![Tree::object([
        ("emailAddress", address(random)),
        ("status", Tree::text("5.1.1")),
        ("diagnosticCode", any_text(random)),
    ])]);
    let is_bot = Tree::text(random.pick(&["Likely", "Unlikely", "Maybe"]));
    match name {
        "send" => Tree::object([]),
        "delivery" => Tree::object([
            time,
            ("processingTimeMillis", Tree::token("1234")),
            ("recipients", list(address(random))),
            ("smtpResponse", any_text(random)),
        ]),
        "open" => {
            Tree::object([("ipAddress", Tree::text("203.0.113.1")), ("isBotEvent", is_bot), time])
        }
        "click" => Tree::object([
            time,
            ("link", Tree::text("https://www.example.com/a")),
            ("linkTags", Tree::object([("campaign", list(any_text(random)))])),
            ("isBotEvent", is_bot),
        ]),
        "bounce" => Tree::object([
            ("bounceType", Tree::text(random.pick(&["Permanent", "Transient"]))),
            ("bounceSubType", Tree::text(random.pick(&["General", "Suppressed"]))),
            ("bouncedRecipients", recipients),
            time,
            ("feedbackId", any_text(random)),
        ]),
        "complaint" => Tree::object([
            ("complainedRecipients", recipients),
            ("complaintFeedbackType", Tree::text(random.pick(&["abuse", "not-spam"]))),
            time,
        ]),
        "deliveryDelay" => Tree::object([
            ("delayType", Tree::text("MailboxFull")),
            ("delayedRecipients", recipients),
            time,
        ]),
        _ => Tree::object([time]),
    }
}

pub(super) fn list(element: Tree) -> Tree {
    Tree::List(vec![element])
}

/// Changes one value of a tree, or the members of one.
fn change_meaning(tree: &mut Tree, random: &mut Random) {
    let number = random.below(tree.size());
    let Some(value) = tree.nth(number) else { return };
    match value {
        Tree::Object(members) if random.once_in(2) => change_members(members, random),
        Tree::List(elements) if random.once_in(2) => {
            let place = random.below(elements.len() + 1);
            let new = elements.get(random.below(elements.len())).cloned();
            elements.insert(place, new.unwrap_or_else(|| other_kind(random)));
        }
        Tree::List(elements) if !elements.is_empty() && random.once_in(2) => {
            elements.remove(random.below(elements.len()));
        }
        Tree::Text(text) if random.once_in(2) => escape_letter(text, random),
        _ => *value = other_kind(random),
    }
}

/// Writes a letter as an escape, which changes nothing.
fn escape_letter(text: &mut Vec<u8>, random: &mut Random) {
    if text.is_empty() || text.contains(&b'\\') || !text.is_ascii() {
        return;
    }
    let letter = random.below(text.len());
    let escape = format!("\\u{:04x}", text[letter]);
    text.splice(letter..=letter, escape.into_bytes());
}

fn change_members(members: &mut Vec<(Vec<u8>, Tree)>, random: &mut Random) {
    const NAMES: &[&str] = &[
        "eventType",
        "notificationType",
        "mail",
        "bounce",
        "click",
        "timestamp",
        "tags",
        "headers",
        "linkTags",
        "name",
        "value",
        "campaign",
        "tenant",
        "emailAddress",
        "destination",
        "messageId",
        "sendingAccountId",
        "bounceType",
        "Type",
        "Message",
        "TopicArn",
        "Records",
        "detail",
        "source",
        "unknown",
        "",
    ];
    let (at, place) = (random.below(members.len()), random.below(members.len() + 1));
    match random.below(6) {
        // The same key again, with the same value or another.
        0 | 1 if !members.is_empty() => {
            let (key, member) = members[at].clone();
            let member = if random.once_in(2) { other_kind(random) } else { member };
            members.insert(place, (key, member));
        }
        // A letter of a key as an escape.
        2 if !members.is_empty() => {
            escape_letter(&mut members[at].0, random);
        }
        3 if !members.is_empty() => {
            members.remove(at);
        }
        4 if !members.is_empty() => {
            let other = random.below(members.len());
            members.swap(at, other);
        }
        _ => members.insert(place, (random.pick(NAMES).as_bytes().to_vec(), other_kind(random))),
    }
}

/// A value of any kind, valid or not.
fn other_kind(random: &mut Random) -> Tree {
    const TOKENS: &[&str] = &[
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-1.5e+30",
        "1E9",
        "1e999",
        "0.10",
        "01",
        "1.",
        "-",
        "+1",
        "1e",
        ".5",
        "nul",
        "truee",
        "NaN",
        "\"",
        "\"\\u00g0\"",
        "\"\\x\"",
        "\"\t\"",
        "[1,]",
        "{,}",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{1:2}",
        "[}",
        "{]",
        "",
        ",",
        ":",
    ];
    match random.below(8) {
        0 | 1 => any_text(random),
        2 | 3 => Tree::token(random.pick(TOKENS)),
        4 => Tree::List((0..random.below(3)).map(|_| any_text(random)).collect()),
        5 => header(random),
        6 => list(other_kind(random)),
        _ => {
            let depth = random.pick(&[1, 2, 60, 123, 124, 125, 126, 127, 128, 129]);
            let (open, close) = random.pick(&[("[", "]"), ("{\"a\":", "}"), ("{\"a\":[", "]}")]);
            let depth = depth / open.matches(['[', '{']).count();
            Tree::Token(format!("{}1{}", open.repeat(depth), close.repeat(depth)).into_bytes())
        }
    }
}

/// Changes some bytes from `from` on.
fn change_bytes(text: &mut Vec<u8>, from: usize, random: &mut Random) {
    const INSERTED: &[&[u8]] = &[
        b"\"",
        b"\\",
        b"\\\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b" ",
        b"\n",
        b"\t",
        b"\0",
        b"\x1f",
        b"0",
        b"\xff",
        b"\xc3",
        b"\xe2\x80",
        b"\x80",
        b"\\u12",
        b"\\u123x",
        b"\\ud800",
        b"null",
        b"\"a\"",
    ];
    let place = from + random.below(text.len() - from);
    match random.below(4) {
        0 => {
            if let Some(byte) = text.get_mut(place) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => text.truncate(place.max(from + 1)),
        2 => {
            let end = (place + random.pick(&[1, 2, 3, 20, 64])).min(text.len());
            text.drain(place.max(from + 1).min(end)..end);
        }
        _ => {
            text.splice(place..place, random.pick(INSERTED).iter().copied());
        }
    }
}
