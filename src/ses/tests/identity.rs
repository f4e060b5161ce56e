//! Which fields distinguish events, and which do not.

use super::*;

/// The fingerprint of the only event in a text.
#[track_caller]
fn fingerprint(text: impl AsRef<[u8]>) -> Option<Fingerprint> {
    let seen = seen(text);
    let [Seen::Event { fingerprint, .. }] = &seen[..] else { panic!("no single event: {seen:?}") };
    *fingerprint
}

fn mail() -> serde_json::Value {
    json!({
        "timestamp": "2026-11-20T12:00:00.000Z",
        "messageId": "0102019aa0b1c2d3-1-000000",
        "destination": ["ann@example.com", "ben@example.com"],
        "tags": {"campaign": ["spring"]},
    })
}

fn click() -> serde_json::Value {
    json!({
        "eventType": "Click",
        "mail": mail(),
        "click": {
            "timestamp": "2026-11-20T12:07:00.123Z",
            "ipAddress": "192.0.2.1",
            "userAgent": "Mozilla/5.0",
            "link": "https://example.com/a",
            "linkTags": {"placement": ["top"]},
        },
    })
}

fn bounce() -> serde_json::Value {
    json!({
        "eventType": "Bounce",
        "mail": mail(),
        "bounce": {
            "timestamp": "2026-11-20T12:00:02.000Z",
            "feedbackId": "0102019aa0b1c2d3-2-000000",
            "bouncedRecipients": [
                {"emailAddress": "ann@example.com", "status": "5.1.1"},
                {"emailAddress": "ben@example.com"},
            ],
        },
    })
}

/// An event with one field, named by a JSON pointer, changed.
fn changed(event: &serde_json::Value, place: &str, to: serde_json::Value) -> String {
    let mut event = event.clone();
    *event.pointer_mut(place).expect("it is there") = to;
    event.to_string()
}

#[test]
fn fingerprint_differs_by_time_and_recipient() {
    for (event, place, to) in [
        (click(), "/mail/messageId", json!("0102019aa0b1c2d3-1-000001")),
        // A second open or click a second later, and one within the same second.
        (click(), "/click/timestamp", json!("2026-11-20T12:07:01.123Z")),
        (click(), "/click/timestamp", json!("2026-11-20T12:07:00.124Z")),
        (click(), "/click/link", json!("https://example.com/b")),
        (click(), "/click/ipAddress", json!("192.0.2.2")),
        (click(), "/click/userAgent", json!("curl/8.0")),
        (click(), "/mail/destination", json!(["ann@example.com"])),
        (click(), "/mail/destination/1", json!("cyd@example.com")),
        (bounce(), "/bounce/timestamp", json!("2026-11-20T12:00:03.000Z")),
        (bounce(), "/bounce/feedbackId", json!("0102019aa0b1c2d3-3-000000")),
        (bounce(), "/bounce/bouncedRecipients/0/emailAddress", json!("cyd@example.com")),
        (bounce(), "/eventType", json!("Complaint")),
    ] {
        let of_event = fingerprint(event.to_string());
        assert!(of_event.is_some());
        assert_ne!(of_event, fingerprint(changed(&event, place, to)), "{place}");
    }
}

#[test]
fn fingerprint_ignores_fields_that_do_not_identify() {
    for (event, place, to) in [
        (click(), "/mail/tags", json!({})),
        (click(), "/mail/timestamp", json!("2026-11-20T12:00:00Z")),
        (click(), "/click/linkTags", json!(null)),
        // A bounce names its own recipients.
        (bounce(), "/mail/destination", json!(null)),
        (bounce(), "/bounce/bouncedRecipients/0/status", json!("5.1.2")),
    ] {
        assert_eq!(
            fingerprint(event.to_string()),
            fingerprint(changed(&event, place, to)),
            "{place}"
        );
    }
}

#[test]
fn fingerprint_is_the_same_in_any_wrapping_and_spelling() {
    let event = click().to_string();
    let expected = fingerprint(&event);
    let pretty = format!("{:#}", click());
    let turned = r#"{"click":{"link":"https:\/\/example.com\/a","userAgent":"Mozilla/5.0",
        "ipAddress":"192.0.2.1","timestamp":"2026-11-20T12:07:00.123Z"},"mail":{"destination":
        ["ann@example.com","\u0062en@example.com"],"messageId":"0102019aa0b1c2d3-1-000000"},
        "eventType":"click"}"#;
    for duplicate in
        [pretty, turned.to_owned(), sns(&event), sqs(&sns(&event)), firehose(&[&event])]
    {
        assert_eq!(fingerprint(&duplicate), expected, "{duplicate}");
    }
}

#[test]
fn fingerprint_needs_a_mail_id_and_a_time() {
    for (event, place) in [
        (click(), "/mail/messageId"),
        // The mail's time is the same for all of its opens and clicks.
        (click(), "/click/timestamp"),
        (json!({"eventType": "Send", "mail": mail()}), "/mail/timestamp"),
    ] {
        assert!(fingerprint(event.to_string()).is_some());
        assert_eq!(fingerprint(changed(&event, place, json!(null))), None, "{place}");
        assert_eq!(fingerprint(changed(&event, place, json!(7))), None, "{place}");
    }
    assert_eq!(fingerprint(changed(&click(), "/mail/messageId", json!(""))), None);
}

#[test]
fn fingerprint_differs_for_different_lists_of_recipients() {
    let of = |recipients: serde_json::Value| {
        fingerprint(changed(&bounce(), "/bounce/bouncedRecipients", recipients))
    };
    let lists = [
        json!(["ab", "c"]),
        json!(["a", "bc"]),
        json!(["abc"]),
        json!(["c", "ab"]),
        json!(["ab", "c", ""]),
        json!([]),
    ];
    let all: std::collections::BTreeSet<_> = lists.into_iter().map(of).collect();
    assert_eq!(all.len(), 6);
}

/// Journals contain fingerprints of earlier versions. If this test must change, `VERSION` must
/// change too.
#[test]
fn fingerprint_of_an_event_stays_the_same() {
    let fingerprint = fingerprint(click().to_string());
    assert_eq!(format!("{fingerprint:?}"), "Some(380cd8a7a41b1e0fc3e0a981f3aa2206)");
}

/// Counts events, none of which exposes its identity.
struct Look<'r>(&'r mut usize);

impl Visitor for Look<'_> {
    fn event(&mut self, event: &Event<'_>, _: &Path, _: u64, _: &[u8]) {
        assert_eq!((event.fingerprint(), event.message_id()), (None, None));
        *self.0 += 1;
    }

    fn non_event(&mut self, _: NonEventReason<'_>, _: &Path, _: u64, _: &[u8]) {}
}

#[test]
fn fields_that_were_not_requested_are_not_kept() {
    let interest = InterestBuilder::default().build();
    let mut read = 0;
    let text = format!("{}{}", click(), bounce());
    read_all(text.as_bytes(), &interest, &mut Look(&mut read));
    assert_eq!(read, 2);
}
