//! Events in, values of fields out.

use serde_json::{Value as Json, json};

use super::*;
use crate::ses::envelope::path::Path;
use crate::ses::envelope::unwrap::read_all;
use crate::ses::envelope::visitor::{NonEventReason, Visitor};
use crate::ses::event::Event;
use crate::ses::event::interest::{Interest, ValueKind};

fn interest() -> Interest {
    crate::ses::compare::interest_in_fields()
}

struct Fields<'i>(&'i Interest, Vec<(&'static str, String)>);

impl Visitor for Fields<'_> {
    fn event(&mut self, event: &Event<'_>, _: &Path, _: u64, _: &[u8]) {
        let Self(interest, found) = self;
        for field in EventField::ALL {
            let slot = interest.slot(ValueKind::Field(field), "").expect("it is wanted");
            if let Some(text) = event.get(slot) {
                found.push((field.name(), String::from_utf8_lossy(text).into_owned()));
            }
        }
    }

    fn non_event(&mut self, why: NonEventReason<'_>, _: &Path, _: u64, _: &[u8]) {
        panic!("{why:?}");
    }
}

/// The fields of an event that can be dimensions, as `name=value …`.
fn fields(event: &str) -> String {
    texts(event, |name| EventField::parse(name).is_some())
}

/// The fields of an event of some names, as `name=value …`.
fn texts(event: &str, is_wanted: impl Fn(&str) -> bool) -> String {
    let interest = interest();
    let mut fields = Fields(&interest, Vec::new());
    read_all(event.as_bytes(), &interest, &mut fields);
    let wanted = fields.1.iter().filter(|(name, _)| is_wanted(name));
    wanted.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn processing_time_is_a_number_of_a_delivery() {
    let time = |event_type: &str, block: &str, value: Json| {
        let event =
            json!({"eventType": event_type, "mail": {}, block: {"processingTimeMillis": value}});
        texts(&event.to_string(), |name| name == "processing_time")
    };
    assert_eq!(time("Delivery", "delivery", json!(546)), "processing_time=546");
    assert_eq!(time("Delivery", "delivery", json!(1.5)), "processing_time=1.5");
    for other in [json!("546"), json!(null), json!([546]), json!(true)] {
        assert_eq!(time("Delivery", "delivery", other), "");
    }
    assert_eq!(time("Bounce", "bounce", json!(546)), "");
}

#[test]
fn kind_of_a_complaint_follows_its_subtype_and_its_report() {
    let kind = |block: Json| {
        let event = json!({"eventType": "Complaint", "mail": {}, "complaint": block});
        texts(&event.to_string(), |name| name == "complaint_kind")
    };
    assert_eq!(kind(json!({"complaintSubType": null})), "complaint_kind=complaint");
    let suppressed = json!({"complaintSubType": "OnAccountSuppressionList"});
    assert_eq!(kind(suppressed), "complaint_kind=suppressed");
    assert_eq!(kind(json!({"complaintFeedbackType": "not-spam"})), "complaint_kind=not-spam");
}

/// The fields of an event whose `mail` names no recipient, account or sender.
fn of(event_type: &str, block: &str, members: &Json) -> String {
    fields(&json!({"eventType": event_type, "mail": {}, block: members}).to_string())
}

fn bounce(members: &Json) -> String {
    of("Bounce", "bounce", members)
}

#[test]
fn field_is_found_by_its_name_in_any_case() {
    for field in EventField::dimensions() {
        assert_eq!(EventField::parse(field.name()), Some(field));
        assert_eq!(EventField::parse(&field.name().to_uppercase()), Some(field));
        assert!(!field.types().is_empty());
    }
    for field in [EventField::ComplaintKind, EventField::ProcessingTime] {
        assert_eq!(EventField::parse(field.name()), None, "it is no dimension");
    }
    assert_eq!(EventField::parse("bounceclass"), None);
    assert_eq!(EventField::parse(""), None);
}

#[test]
fn bounce_has_class_subtype_and_status() {
    let members = json!({"bounceType": "Permanent", "bounceSubType": "NoEmail",
        "bouncedRecipients": [{"emailAddress": "a@gmail.com", "status": "5.1.1"}]});
    assert_eq!(
        bounce(&members),
        "bounce_class=hard bounce_sub_type=NoEmail smtp_status=5.1.1 recipient_domain=gmail.com \
         mailbox_provider=gmail"
    );
    assert_eq!(bounce(&json!({})), "bounce_class=undetermined");
    assert_eq!(
        bounce(&json!({"bounceType": 1, "bounceSubType": null})),
        "bounce_class=undetermined"
    );
    assert_eq!(fields(r#"{"eventType":"Bounce","mail":{}}"#), "bounce_class=undetermined");
    assert_eq!(
        fields(r#"{"notificationType":"Bounce","mail":{},"bounce":{"bounceType":"Transient"}}"#),
        "bounce_class=soft"
    );
    let twice = r#"{"eventType":"Bounce","mail":{},"bounce":{"bounceType":"Permanent"},
        "bounce":{"bounceType":"Transient","bounceType":"Permanent","bounceSubType":"X"}}"#;
    assert_eq!(fields(twice), "bounce_class=hard bounce_sub_type=X");
}

#[test]
fn status_is_that_of_the_first_recipient_or_else_of_a_diagnostic_code() {
    let status = |recipients: &Json| bounce(&json!({"bouncedRecipients": recipients}));
    let [first, second] = ["smtp; 550 5.7.1 no", "smtp; 552 5.2.2 full"];
    for (recipients, expected) in [
        (json!([{"status": "5.1.1", "diagnosticCode": first}]), "5.1.1"),
        (json!([{"status": "5.1.1 (no mailbox)"}]), "5.1.1"),
        (json!([{"status": "", "diagnosticCode": first}]), "5.7.1"),
        (json!([{"status": 5}, {"status": "5.1.1", "diagnosticCode": second}]), "5.2.2"),
        (json!([{"diagnosticCode": "smtp; 550 no"}, {"diagnosticCode": second}]), "5.2.2"),
    ] {
        assert_eq!(
            status(&recipients),
            format!("bounce_class=undetermined smtp_status={expected}")
        );
    }
    for recipients in [json!([]), json!([{}]), json!({"status": "5.1.1"}), json!("5.1.1")] {
        assert_eq!(status(&recipients), "bounce_class=undetermined");
    }
    assert_eq!(
        of("Delivery", "delivery", &json!({"smtpResponse": "250 2.0.0 OK"})),
        "smtp_status=2.0.0"
    );
    assert_eq!(of("Delivery", "delivery", &json!({"smtpResponse": "250 OK"})), "");
    let delay = json!({"delayType": "MailboxFull", "delayedRecipients": [{"status": "4.2.2"}]});
    assert_eq!(
        of("DeliveryDelay", "deliveryDelay", &delay),
        "delay_type=MailboxFull smtp_status=4.2.2"
    );
}

#[test]
fn actor_is_human_only_if_ses_says_so() {
    for (bot, actor) in [
        (json!("Likely"), "machine"),
        (json!("Unlikely"), "human"),
        (json!("likely"), "machine"),
        (json!(""), "unknown"),
        (json!("Maybe"), "unknown"),
        (json!(false), "unknown"),
        (Json::Null, "unknown"),
    ] {
        let members = json!({"isBotEvent": bot});
        assert_eq!(of("Open", "open", &members), format!("actor={actor}"));
        assert_eq!(of("Click", "click", &members), format!("actor={actor}"));
    }
    assert_eq!(of("Open", "click", &json!({"isBotEvent": "Unlikely"})), "actor=unknown");
}

#[test]
fn click_has_the_host_of_its_link() {
    let link = |link: &str| of("Click", "click", &json!({"isBotEvent": "Unlikely", "link": link}));
    assert_eq!(link("https://Shop.example.com/a?b"), "actor=human link_domain=shop.example.com");
    assert_eq!(link("mailto:a@example.com"), "actor=human");
}

#[test]
fn recipients_are_those_of_the_block_or_else_of_the_mail() {
    let mail = json!({"destination": ["a@gmail.com", "b@outlook.com"]});
    let event = |block: &Json| {
        fields(&json!({"eventType": "Delivery", "mail": mail, "delivery": block}).to_string())
    };
    let both = "recipient_domain=multiple mailbox_provider=multiple";
    assert_eq!(event(&json!({})), both);
    assert_eq!(event(&json!({"recipients": []})), both);
    assert_eq!(event(&json!({"recipients": "a@gmail.com"})), both);
    for (recipients, expected) in [
        (json!(["A <a@GMAIL.com>"]), "recipient_domain=gmail.com mailbox_provider=gmail"),
        (
            json!(["a@gmail.com", "b@gmail.com"]),
            "recipient_domain=gmail.com mailbox_provider=gmail",
        ),
        (
            json!(["a@gmail.com", "b@googlemail.com"]),
            "recipient_domain=multiple mailbox_provider=gmail",
        ),
        (
            json!(["a@one.example", "b@two.example"]),
            "recipient_domain=multiple mailbox_provider=other",
        ),
        (json!(["a@gmail.com", "b@one.example"]), both),
        (
            json!(["a@gmail.com", "postmaster", 7, null]),
            "recipient_domain=gmail.com mailbox_provider=gmail",
        ),
        (json!(["postmaster"]), ""),
    ] {
        assert_eq!(event(&json!({"recipients": recipients})), expected, "{recipients}");
    }
    let of_types = [
        ("Complaint", "complaint", "complainedRecipients"),
        ("Bounce", "bounce", "bouncedRecipients"),
    ];
    for (event_type, block, list) in of_types {
        let block = json!({"eventType": event_type, "mail": mail, block: {list: [{"emailAddress": "x@icloud.com"}]}});
        let found = fields(&block.to_string());
        assert!(found.ends_with("recipient_domain=icloud.com mailbox_provider=apple"), "{found}");
    }
    let send =
        json!({"eventType": "Send", "mail": {"destination": ["c@mail.example"]}, "send": {}});
    assert_eq!(fields(&send.to_string()), "recipient_domain=mail.example mailbox_provider=other");
}

#[test]
fn account_and_region_are_those_of_the_sender() {
    let arn = "arn:aws:ses:eu-west-1:123456789012:identity/example.com";
    let of = |account: &Json, arn: &Json| {
        fields(
            &json!({"eventType": "Send", "mail": {"sendingAccountId": account, "sourceArn": arn}})
                .to_string(),
        )
    };
    assert_eq!(of(&json!("123456789012"), &json!(arn)), "account=123456789012 region=eu-west-1");
    assert_eq!(of(&json!(123), &json!("not an arn")), "");
    assert_eq!(of(&Json::Null, &json!("arn:aws:ses::1:identity/a")), "region=");
    assert_eq!(of(&Json::Null, &json!("x:aws:ses:eu-west-1:1:identity/a")), "");
}

/// However an event is written, the fast reader leaves it to the reference.
#[test]
fn usual_reader_reads_fields_as_the_reference_does() {
    let text = r#"{"eventType":"Click","mail":{"timestamp":"2026-11-20T12:00:00Z","destination":["a@gmail.com"]},
        "click":{"isBotEvent":"Unlikely","link":"https://example.com/\u0061"}}"#;
    let padded = format!("{text}{}", " ".repeat(4096)).repeat(3);
    crate::ses::compare::text(padded.as_bytes(), &interest()).unwrap();
}
