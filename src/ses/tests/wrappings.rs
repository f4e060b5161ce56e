//! The rows of the wrapping table, from the top, and how deep they nest.

use serde_json::Value;

use super::*;

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:ses";

/// The same event in each kind of envelope, with the expected wrapping.
fn envelopes(inner: &str) -> Vec<(Wrapping, String)> {
    let object: Value = serde_json::from_str(inner).unwrap();
    let data = STANDARD.encode(inner);
    let envelope = |wrapping, value: Value| (wrapping, value.to_string());
    vec![
        envelope(Wrapping::Sns, json!({"TopicArn": TOPIC, "Message": inner})),
        envelope(Wrapping::Sns, json!({"Type": "Notification", "Message": inner})),
        envelope(Wrapping::Sns, json!({"TopicArn": TOPIC, "Message": object})),
        envelope(Wrapping::Sqs, json!({"Records": [{"body": inner}]})),
        envelope(Wrapping::Sqs, json!({"Records": [{"body": object}]})),
        envelope(Wrapping::LambdaSns, json!({"Records": [{"Sns": inner}]})),
        envelope(Wrapping::LambdaSns, json!({"Records": [{"Sns": object}]})),
        envelope(Wrapping::FirehoseRequest, json!({"requestId": "1", "records": [{"data": data}]})),
        envelope(Wrapping::FirehoseFailure, json!({"rawData": data, "errorCode": "x"})),
        envelope(Wrapping::Kinesis, json!({"Records": [{"kinesis": {"data": data}}]})),
        envelope(Wrapping::ReceivedMessage, json!({"Messages": [{"Body": inner}]})),
        envelope(
            Wrapping::FirehoseTransformation,
            json!({"invocationId": "1", "records": [{"recordId": "1", "data": data}]}),
        ),
        envelope(Wrapping::LogEvent, json!({"logEvents": [{"id": "1", "message": inner}]})),
        envelope(Wrapping::LogEvent, json!({"events": [{"message": inner}]})),
        envelope(Wrapping::LogData, json!({"awslogs": {"data": data}})),
    ]
}

fn event_bridge(source: &Value, detail: &Value) -> String {
    json!({"detail-type": "Email Sent", "source": source, "detail": detail}).to_string()
}

fn object(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The first object, extended with the members of the others in order.
fn merged(objects: &[Value]) -> String {
    let members: Vec<_> = objects
        .iter()
        .map(|object| {
            let text = object.to_string();
            text[1..text.len() - 1].to_owned()
        })
        .filter(|members| !members.is_empty())
        .collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn wrappings_all_give_their_event_and_are_in_its_path() {
    for (wrapping, text) in envelopes(&event("Delivery")) {
        let seen = seen(&text);
        assert_eq!(names(&seen), "Delivery", "{text}");
        assert_eq!(seen[0].path(), [wrapping], "{text}");
        assert!(!wrapping.name().is_empty());
    }
    let text = event_bridge(&json!("aws.ses"), &object(&event("Delivery")));
    let seen = seen(&text);
    assert_eq!((names(&seen).as_str(), seen[0].path()), ("Delivery", &[Wrapping::EventBridge][..]));
}

#[test]
fn wrappings_in_any_other_give_their_event() {
    for (inner, text) in envelopes(&event("Delivery")) {
        for (outer, text) in envelopes(&text) {
            let seen = seen(&text);
            assert_eq!(names(&seen), "Delivery", "{text}");
            assert_eq!(seen[0].path(), [outer, inner], "{text}");
        }
    }
}

#[test]
fn event_is_found_up_to_8_wrappings_deep() {
    let kinds_of_envelope = envelopes("{}").len();
    for at in 0..kinds_of_envelope {
        let mut text = event("Send");
        // Nested texts double their backslashes, so every second envelope holds an object.
        for level in 1..=10 {
            let around = if level % 2 == 0 { at } else { 4 };
            text = envelopes(&text).swap_remove(around).1;
            let seen = seen(&text);
            let expected = if level <= 8 { "Send" } else { "foreign" };
            assert_eq!(names(&seen), expected, "envelope {at}, level {level}");
            assert_eq!(seen[0].path().len(), level.min(8));
        }
    }
}

#[test]
fn value_nested_too_deep_is_one_foreign_value() {
    let send = object(&event("Send"));
    let mut value = json!({"Records": [{"body": send}, {"body": send}]});
    for _ in 0..8 {
        value = json!({"TopicArn": TOPIC, "Message": value});
    }
    assert_eq!(kinds(value.to_string()), "foreign");
    let detail = event_bridge(&json!("aws.ses"), &send);
    let mut text = detail.clone();
    for _ in 0..7 {
        text = json!({"Records": [{"body": object(&text)}]}).to_string();
    }
    assert_eq!(kinds(&text), "Send");
    assert_eq!(kinds(json!({"Records": [{"body": object(&text)}]}).to_string()), "foreign");
}

#[test]
fn control_and_notice_are_recognized_at_any_level() {
    let mut control = json!({"Type": "SubscriptionConfirmation", "TopicArn": TOPIC});
    for _ in 0..8 {
        control = json!({"Records": [{"body": control}]});
        assert_eq!(kinds(control.to_string()), "control");
    }
    assert_eq!(kinds(json!({"Records": [{"body": control}]}).to_string()), "foreign");
}

#[test]
fn rules_of_classification_are_tried_in_order() {
    let send = object(&event("Send"));
    let open = object(&event("Open"));
    let control = json!({"Type": "SubscriptionConfirmation"});
    let sns = json!({"TopicArn": TOPIC, "Message": event("Bounce")});
    let bridge =
        json!({"detail-type": "x", "source": "aws.ses", "detail": object(&event("Click"))});
    let records = json!({"Records": [{"body": open}, {"Sns": open}, {}]});
    let request = json!({"requestId": "1", "records": [{}, {}]});
    let messages = json!({"Messages": [{"Body": event("Complaint")}, {"body": event("Send")}]});
    let logs = json!({"logEvents": [{"message": event("Open")}, {"Message": event("Send")}]});
    let more_logs = json!({"events": [{"message": event("Click")}]});
    let log_data = json!({"awslogs": {"data": STANDARD.encode(event("Delivery"))}});
    let failure = json!({"rawData": STANDARD.encode(event("Reject")), "errorCode": "x"});
    let rows = [
        (send, "Send"),
        (control, "control"),
        (sns, "Bounce"),
        (bridge, "Click"),
        (records, "Open Open foreign"),
        (messages, "Complaint foreign"),
        (request, "malformed malformed"),
        (logs, "Open foreign"),
        (more_logs, "Click"),
        (log_data, "Delivery"),
        (failure, "Reject"),
        (json!({"other": 1}), "foreign"),
    ];
    for (at, (row, expected)) in rows.iter().enumerate() {
        assert_eq!(kinds(row.to_string()), *expected);
        for (lower, _) in &rows[at + 1..] {
            let both = [row.clone(), lower.clone()];
            assert_eq!(kinds(merged(&both)), *expected, "{row} then {lower}");
            // `Type` of the control row is in the SNS row too, but not in ours.
            let reversed = [lower.clone(), row.clone()];
            assert_eq!(kinds(merged(&reversed)), *expected, "{lower} then {row}");
        }
    }
}

#[test]
fn event_with_records_is_an_event() {
    let text = merged(&[object(&event("Send")), json!({"Records": [{"body": event("Open")}]})]);
    assert_eq!(kinds(text), "Send");
    // Including one that is not counted.
    assert_eq!(
        kinds(r#"{"notificationType":"Received","Records":[{"body":"{}"}]}"#),
        "unknown_type"
    );
}

#[test]
fn field_that_is_null_or_of_an_unexpected_type_is_absent() {
    let send = event("Send");
    let data = STANDARD.encode(&send);
    for odd in [Value::Null, json!(1), json!(true), json!([]), json!([send])] {
        for (value, expected) in [
            (json!({"eventType": odd, "notificationType": odd, "mail": {}}), "foreign"),
            (json!({"eventType": odd, "notificationType": "Bounce", "mail": {}}), "Bounce"),
            (json!({"eventType": "Send", "mail": odd}), "unknown_type"),
            (json!({"Type": odd, "Message": send}), "foreign"),
            (json!({"Type": odd, "TopicArn": TOPIC, "Message": send}), "Send"),
            (json!({"Type": "Notification", "TopicArn": odd, "Message": send}), "Send"),
            (json!({"Type": "Notification", "Message": odd}), "foreign"),
            (json!({"Type": "Notification", "Message": odd, "Records": [{"body": send}]}), "Send"),
            (json!({"detail-type": odd, "source": "aws.ses", "detail": object(&send)}), "foreign"),
            (json!({"detail-type": "x", "source": odd, "detail": object(&send)}), "foreign"),
            (json!({"detail-type": "x", "source": "aws.ses", "detail": odd}), "foreign"),
            (json!({"Records": [{"body": odd}]}), "foreign"),
            (
                json!({"Records": [{"body": odd, "Sns": {"TopicArn": TOPIC, "Message": send}}]}),
                "Send",
            ),
            (json!({"Records": [{"Sns": odd}]}), "foreign"),
            (json!({"Records": [odd, {"body": send}]}), "foreign Send"),
            (json!({"requestId": odd, "records": [{"data": data}]}), "foreign"),
            (
                json!({"requestId": "1", "records": [{"data": odd}, {"data": data}]}),
                "malformed Send",
            ),
            (json!({"requestId": "1", "records": [odd]}), "malformed"),
            (json!({"invocationId": odd, "records": [{"data": data}]}), "foreign"),
            (json!({"Messages": [{"Body": odd}, odd, {"Body": send}]}), "foreign foreign Send"),
            (json!({"logEvents": [{"message": odd}, {"message": send}]}), "foreign Send"),
            (json!({"awslogs": odd}), "foreign"),
            (json!({"awslogs": {"data": odd}}), "foreign"),
            (json!({"Records": [{"kinesis": odd}]}), "foreign"),
            (json!({"Records": [{"kinesis": {"data": odd}}]}), "foreign"),
            (json!({"rawData": odd, "errorCode": "x"}), "foreign"),
            (json!({"rawData": data, "errorCode": odd}), "foreign"),
        ] {
            assert_eq!(kinds(value.to_string()), expected, "{value}");
        }
    }
    for odd in [Value::Null, json!(1), json!("x"), json!({"data": data})] {
        assert_eq!(kinds(json!({"Records": odd}).to_string()), "foreign");
        assert_eq!(kinds(json!({"requestId": "1", "records": odd}).to_string()), "foreign");
    }
}

#[test]
fn sns_subscription_messages_are_control() {
    for kind in ["SubscriptionConfirmation", "UnsubscribeConfirmation"] {
        let message =
            json!({"Type": kind, "TopicArn": TOPIC, "Message": event("Send")}).to_string();
        assert_eq!(kinds(&message), "control");
        assert_eq!(kinds(sqs(&message)), "control");
    }
    assert_eq!(kinds(r#"{"Type":"subscriptionconfirmation"}"#), "foreign");
}

#[test]
fn sns_message_is_a_stream_or_one_value() {
    let send = event("Send");
    assert_eq!(kinds(sns(&format!("{send}\n"))), "Send");
    assert_eq!(kinds(sns(&format!("{send}{send} 1 ?"))), "Send Send foreign malformed");
    assert_eq!(kinds(sns("")), "");
    assert_eq!(kinds(sns(" \n")), "");
    assert_eq!(kinds(json!({"TopicArn": TOPIC, "Message": {}}).to_string()), "foreign");
    assert_eq!(kinds(json!({"Message": send}).to_string()), "foreign");
    assert_eq!(kinds(json!({"Type": "Other", "Message": send}).to_string()), "foreign");
    assert_eq!(kinds(json!({"TopicArn": "", "Message": send}).to_string()), "Send");
}

#[test]
fn event_bridge_envelope_needs_the_source_and_an_event_type() {
    let send = object(&event("Send"));
    assert_eq!(kinds(event_bridge(&json!("aws.ses"), &send)), "Send");
    for source in ["aws.SES", "aws.s3", "", "aws.ses "] {
        assert_eq!(kinds(event_bridge(&json!(source), &send)), "foreign", "{source}");
    }
    let legacy = json!({"notificationType": "Bounce", "mail": {}});
    assert_eq!(kinds(event_bridge(&json!("aws.ses"), &legacy)), "foreign");
    assert_eq!(kinds(event_bridge(&json!("aws.ses"), &json!({}))), "foreign");
    let unknown = json!({"eventType": "Advisor Recommendation Status Open"});
    assert_eq!(kinds(event_bridge(&json!("aws.ses"), &unknown)), "unknown_type");
    // A rule may make a text of the detail. Another text is not one, so later rows judge.
    let records = json!({"Records": [{"body": event("Open")}]});
    for (detail, alone, before_records) in
        [(event("Send"), "Send", "Send"), ("plain".to_owned(), "foreign", "Open")]
    {
        let text = json!({"detail-type": "x", "source": "aws.ses", "detail": detail});
        assert_eq!(kinds(text.to_string()), alone);
        assert_eq!(kinds(merged(&[text, records.clone()])), before_records);
    }
    let forwarded = event_bridge(&json!(FORWARD_SOURCE), &send);
    assert_eq!(kinds(&forwarded), "Send");
    let other = event_bridge(&json!("mail.events"), &send);
    assert_eq!(kinds(&other), "foreign");
    let interest = interest().with_forward_source("mail.events");
    let mut log = Log { interest: &interest, seen: Vec::new() };
    read_all(format!("{other}{forwarded}").as_bytes(), &interest, &mut log);
    assert_eq!(names(&log.seen), "Send foreign");
}

#[test]
fn records_contain_bodies_or_sns_messages_and_other_entries_are_foreign() {
    let send = event("Send");
    let records = json!({"Records": [
        {"body": send, "Sns": {"Message": "?", "TopicArn": TOPIC}},
        {"Sns": {"Message": event("Open"), "TopicArn": TOPIC}},
        {"s3": {"object": {"key": "x"}}},
        "text", 1, null, [send], {},
        {"body": ""},
        {"body": format!("{send}{send}")},
        {"body": "no JSON"},
    ]});
    assert_eq!(
        kinds(records.to_string()),
        "Send Open foreign foreign foreign foreign foreign foreign Send Send malformed"
    );
    assert_eq!(kinds(r#"{"Records":[]}"#), "");
    // An event is neither of the two.
    assert_eq!(kinds(json!({"Records": [object(&send)]}).to_string()), "foreign");
}

#[test]
fn lambda_record_contains_the_sns_envelope() {
    let envelope = json!({"Type": "Notification", "TopicArn": TOPIC, "Message": event("Send")});
    let text = json!({"Records": [{"EventSource": "aws:sns", "Sns": envelope}]}).to_string();
    assert_eq!(seen(&text)[0].path(), [Wrapping::LambdaSns, Wrapping::Sns]);
}

#[test]
fn firehose_data_is_base64_of_the_standard_alphabet_with_padding_optional() {
    let mut other_alphabets = 0;
    for filler in ["", "a", "ab", "\u{7f}\u{7f}\u{7f}", "??>>~~\u{ff}\u{fe}"] {
        let text = format!("{}{{\"x\":\"{filler}\"}}", event("Send"));
        let data = STANDARD.encode(&text);
        let request =
            |data: &str| json!({"requestId": "1", "records": [{"data": data}]}).to_string();
        assert_eq!(kinds(request(&data)), "Send foreign");
        assert_eq!(kinds(request(data.trim_end_matches('='))), "Send foreign");
        let url = data.replace('+', "-").replace('/', "_");
        if url != data {
            assert_eq!(kinds(request(&url)), "malformed", "{url}");
            other_alphabets += 1;
        }
        for (at, space) in [(0, " "), (8, "\n"), (8, "\r\n"), (data.len(), "\n")] {
            let mut spaced = data.clone();
            spaced.insert_str(at, space);
            assert_eq!(kinds(request(&spaced)), "malformed", "{spaced:?}");
        }
        assert_eq!(kinds(request(&format!("{data}=="))), "malformed");
    }
    assert!(other_alphabets > 0);
}

#[test]
fn firehose_request_may_have_no_records_or_many() {
    let send = event("Send");
    assert_eq!(kinds(firehose(&[""; 0])), "");
    assert_eq!(kinds(firehose(&["", " \n"])), "");
    assert_eq!(
        kinds(firehose(&[&send, "1", &format!("{send}\n{send}")])),
        "Send foreign Send Send"
    );
}

#[test]
fn firehose_request_is_read_as_a_body() {
    let read = |body: &str| -> Result<String, &'static str> {
        let interest = interest();
        let request = read_request(body.as_bytes(), &interest)?;
        let log = request.read(&interest, || Log { interest: &interest, seen: Vec::new() })?;
        Ok(names(&log.seen))
    };
    let body = firehose(&[&event("Send"), "?", &sns(&event("Open"))]);
    assert_eq!(read(&body).as_deref(), Ok("Send malformed Open"));
    assert_eq!(read(&format!(" \r\n{body}\n\t")).as_deref(), Ok("Send malformed Open"));
    assert_eq!(read(&firehose(&[""; 0])).as_deref(), Ok(""));
    for (body, why) in [
        ("", "the body is not JSON"),
        ("?", "the body is not JSON"),
        (&body[..body.len() - 1], "the body is not JSON"),
        (&format!("{body}{body}"), "the body is not one JSON value"),
        (&format!("{body}?"), "the body is not one JSON value"),
        ("[]", "the body has no requestId"),
        ("{}", "the body has no requestId"),
        (r#"{"requestId":1,"records":[]}"#, "the body has no requestId"),
        (r#"{"requestId":"1"}"#, "the body has no `records` list"),
        (r#"{"requestId":"1","records":{}}"#, "the body has no `records` list"),
        (r#"{"requestId":"1","records":null}"#, "the body has no `records` list"),
    ] {
        assert_eq!(read(body), Err(why), "{body}");
    }
}

#[test]
fn record_of_a_firehose_body_has_all_levels_and_its_number() {
    let mut text = event("Send");
    for _ in 0..8 {
        text = sqs_object(&text);
    }
    let body = firehose(&[&text, &sqs_object(&text), "?"]);
    let interest = interest();
    let request = read_request(body.as_bytes(), &interest).unwrap();
    let seen = request.read(&interest, || Log { interest: &interest, seen: Vec::new() });
    let seen = seen.unwrap().seen;
    assert_eq!(names(&seen), "Send foreign malformed");
    assert!(matches!(&seen[2], Seen::Other { at: 2, path, .. } if path.is_empty()), "{seen:?}");
}

fn sqs_object(body: &str) -> String {
    json!({"Records": [{"body": object(body)}]}).to_string()
}

#[test]
fn other_values_are_foreign() {
    for value in [
        "{}",
        "0",
        "\"\"",
        "null",
        r#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#,
        r#"{"detail":{"eventType":"Send","mail":{}}}"#,
        r#"{"detail-type":"x","source":"aws.ses"}"#,
        r#"{"requestId":"1"}"#,
        r#"{"records":[{"data":""}]}"#,
        r#"{"rawData":""}"#,
        r#"{"errorCode":"x"}"#,
        r#"{"EventType":"Send","mail":{}}"#,
        r#"{"eventtype":"Send","mail":{}}"#,
        r#"{"mail":{}}"#,
    ] {
        assert_eq!(kinds(value), "foreign", "{value}");
    }
}
