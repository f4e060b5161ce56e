//! The fields of an event: its type, tags, headers, link tags and times.

use super::*;

fn tag(text: &str, name: &str) -> Option<String> {
    value(text, ValueKind::MessageTag, name)
}

fn header(headers: &str, name: &str) -> Option<String> {
    let text = format!(r#"{{"eventType":"Send","mail":{{"headers":{headers}}}}}"#);
    value(text, ValueKind::EmailHeader, name)
}

fn click(block: &str) -> String {
    format!(r#"{{"eventType":"Click","mail":{{}},"click":{block}}}"#)
}

fn link_tag(text: &str) -> Option<String> {
    value(text, ValueKind::LinkTag, "placement")
}

// === types ===

#[test]
fn type_names_ignore_case_spaces_underscores_and_hyphens() {
    for (name, expected) in [
        ("Rendering Failure", "RenderingFailure"),
        ("RENDERING_FAILURE", "RenderingFailure"),
        ("renderingFailure", "RenderingFailure"),
        ("rendering-failure", "RenderingFailure"),
        (" _-R e_n-d E r i n g f a i l u r e-_ ", "RenderingFailure"),
        ("Delivery Delay", "DeliveryDelay"),
        ("DELIVERY", "Delivery"),
        ("s e n d", "Send"),
        ("", "unknown_type"),
        ("Sent", "unknown_type"),
        ("Send\\u0000", "unknown_type"),
        ("S\\u00e9nd", "unknown_type"),
        ("\\ud800Send", "unknown_type"),
        ("RenderingFailureRenderingFailure", "unknown_type"),
        ("Unsubscribe", "unknown_type"),
    ] {
        assert_eq!(kinds(format!(r#"{{"eventType":"{name}","mail":{{}}}}"#)), expected, "{name}");
    }
}

#[test]
fn legacy_notifications_have_three_types() {
    for event_type in EventType::ALL {
        let name = event_type.metric_name();
        let text = format!(r#"{{"notificationType":"{name}","mail":{{}}}}"#);
        let expected = match name {
            "Bounce" | "Complaint" | "Delivery" => name,
            _ => "unknown_type",
        };
        assert_eq!(kinds(text), expected);
    }
    assert_eq!(kinds(r#"{"notificationType":"Received","mail":{}}"#), "unknown_type");
    assert_eq!(kinds(r#"{"notificationType":"boun_ce","mail":{}}"#), "Bounce");
}

#[test]
fn event_type_wins_over_the_notification_type() {
    for (event_type, notification_type, expected) in [
        (r#""Send""#, r#""Bounce""#, "Send"),
        (r#""Nonsense""#, r#""Bounce""#, "unknown_type"),
        (r#""""#, r#""Bounce""#, "unknown_type"),
        ("null", r#""Bounce""#, "Bounce"),
        ("7", r#""Bounce""#, "Bounce"),
        (r#""Send""#, "null", "Send"),
        ("null", "null", "foreign"),
    ] {
        let (one, other) = (
            format!(r#""eventType":{event_type}"#),
            format!(r#""notificationType":{notification_type}"#),
        );
        assert_eq!(kinds(format!(r#"{{{one},{other},"mail":{{}}}}"#)), expected);
        assert_eq!(kinds(format!(r#"{{"mail":{{}},{other},{one}}}"#)), expected);
    }
}

#[test]
fn event_without_a_mail_object_is_of_unknown_type() {
    for mail in ["", r#","mail":null"#, r#","mail":[]"#, r#","mail":"x""#, r#","Mail":{}"#] {
        assert_eq!(kinds(format!(r#"{{"eventType":"Send"{mail}}}"#)), "unknown_type", "{mail}");
    }
    assert_eq!(kinds(r#"{"eventType":"TEXT_DELIVERED"}"#), "unknown_type");
    assert_eq!(kinds(r#"{"eventType":"Send","mail":{}}"#), "Send");
    assert_eq!(kinds(r#"{"eventType":"Click","mail":{},"open":{}}"#), "Click");
}

// === decoys ===

#[test]
fn decoy_never_counts() {
    let decoys = r#"{"campaign":["decoy"],"tags":{"campaign":["decoy"]},"name":"X-Pool","value":"decoy",
        "timestamp":"2001-01-01T00:00:00Z","eventType":"Open","linkTags":{"placement":["decoy"]},
        "mail":{"tags":{"campaign":["decoy"]},"headers":[{"name":"X-Pool","value":"decoy"}]},
        "Records":[{"body":"{}"}],"click":{"linkTags":{"placement":["decoy"]}}}"#;
    let quoted = json!(decoys);
    let text = format!(
        r#"{{"x":{decoys},"campaign":["decoy"],"tags":{{"campaign":["decoy"]}},"eventType":"Click",
            "send":{decoys},"failure":{decoys},"bounce":{{"tags":{{"campaign":["decoy"]}},"headers":
            [{{"name":"X-Pool","value":"decoy"}}],"linkTags":{{"placement":["decoy"]}},"x":{decoys}}},
            "mail":{{"x":{decoys},"subject":{quoted},"commonHeaders":{decoys},"mail":{decoys},
            "linkTags":{{"placement":["decoy"]}},"campaign":"decoy","click":{decoys},
            "tags":{{"x":{decoys},"Campaign":["decoy"],"campaign ":["decoy"]}},
            "headers":[{{"name":"X","value":{quoted},"x":{decoys}}},{decoys_list},{quoted}]}},
            "click":{{"x":{decoys},"tags":{{"campaign":["decoy"]}},"placement":["decoy"],"link":{quoted},
            "linkTags":{{"x":{decoys},"Placement":["decoy"]}}}},"y":[{decoys}],"z":{quoted}}}"#,
        decoys_list = format_args!("[{decoys}]"),
    );
    let seen = seen(&text);
    let [Seen::Event { event_type, time, values, path, .. }] = &seen[..] else {
        panic!("{seen:?}")
    };
    assert_eq!(*event_type, EventType::Click);
    assert_eq!(*time, None);
    assert_eq!(*values, vec![None; WANTED.len()]);
    assert_eq!(path[..], []);
}

// === duplicate keys ===

#[test]
fn last_of_duplicate_keys_wins_as_a_whole() {
    let mail = |tags: &str| format!(r#"{{"eventType":"Send","mail":{{{tags}}}}}"#);
    let spring_jazz = r#""tags":{"campaign":["spring"],"genre":["jazz"]}"#;
    for (text, campaign, genre) in [
        (mail(&format!(r#"{spring_jazz},"tags":{{"genre":["folk"]}}"#)), None, Some("folk")),
        (mail(&format!(r#"{spring_jazz},"tags":{{}}"#)), None, None),
        (mail(&format!(r#"{spring_jazz},"tags":null"#)), None, None),
        (mail(&format!(r#"{spring_jazz},"tags":7"#)), None, None),
        (mail(&format!(r#""tags":null,{spring_jazz}"#)), Some("spring"), Some("jazz")),
        (mail(r#""tags":{"campaign":["a"],"campaign":["b"]}"#), Some("b"), None),
        (mail(r#""tags":{"campaign":["a"],"campaign":null}"#), None, None),
        (mail(r#""tags":{"campaign":["a"],"campaign":[]}"#), None, None),
        (mail(r#""tags":{"campaign":["a","x"],"c\u0061mpaign":"b"}"#), Some("b"), None),
        (
            mail(&format!(r#"{spring_jazz}}},"mail":{{"tags":{{"genre":["folk"]}}"#)),
            None,
            Some("folk"),
        ),
        (mail(&format!(r#"{spring_jazz}}},"mail":{{"#)), None, None),
    ] {
        assert_eq!(tag(&text, "campaign").as_deref(), campaign, "{text}");
        assert_eq!(tag(&text, "genre").as_deref(), genre, "{text}");
    }
}

#[test]
fn last_of_two_mails_wins_with_its_headers_and_time() {
    let first = r#"{"timestamp":"2026-11-20T12:00:00Z","headers":[{"name":"X-Pool","value":"a"}]}"#;
    let text = |second| format!(r#"{{"eventType":"Send","mail":{first},"mail":{second}}}"#);
    let second = r#"{"headers":[{"name":"Subject","value":"b"}]}"#;
    assert_eq!(value(text(second), ValueKind::EmailHeader, "X-Pool"), None);
    assert_eq!(value(text(second), ValueKind::EmailHeader, "Subject").as_deref(), Some("b"));
    assert_eq!(minute(text(second)), None);
    assert_eq!(minute(text("{}")), None);
    assert_eq!(kinds(text("null")), "unknown_type");
    assert_eq!(kinds(text("[]")), "unknown_type");
}

#[test]
fn last_of_two_clicks_or_types_wins() {
    let tags = r#""linkTags":{"placement":["top"]}"#;
    let time = r#""timestamp":"2026-11-20T12:00:00Z""#;
    assert_eq!(link_tag(&click(&format!("{{{tags},\"linkTags\":null}}"))), None);
    assert_eq!(link_tag(&click(&format!("{{{tags},\"linkTags\":{{}}}}"))), None);
    assert_eq!(link_tag(&click(&format!("{{{tags}}},\"click\":{{}}"))), None);
    assert_eq!(link_tag(&click(&format!("{{{tags}}},\"click\":null"))), None);
    assert_eq!(link_tag(&click(&format!("null,\"click\":{{{tags}}}"))).as_deref(), Some("top"));
    assert_eq!(minute(click(&format!("{{{time}}},\"click\":{{}}"))), None);
    assert_eq!(minute(click(&format!("{{{time},\"timestamp\":null}}"))), None);
    for (types, expected) in [
        (r#""eventType":"Send","eventType":"Open""#, "Open"),
        (r#""eventType":"Send","eventType":"Nonsense""#, "unknown_type"),
        (r#""eventType":"Send","eventType":null"#, "foreign"),
        (r#""eventType":"Send","notificationType":"Bounce","eventType":null"#, "Bounce"),
    ] {
        assert_eq!(kinds(format!(r#"{{{types},"mail":{{}}}}"#)), expected, "{types}");
    }
}

#[test]
fn last_of_duplicate_keys_of_wrappings_wins() {
    let (send, open) = (event("Send"), event("Open"));
    let message = |send: &str| json!(send).to_string();
    let (send_text, open_text) = (message(&send), message(&open));
    for (text, expected) in [
        (format!(r#"{{"TopicArn":"x","Message":{send_text},"Message":{open_text}}}"#), "Open"),
        (format!(r#"{{"TopicArn":"x","Message":{send_text},"Message":null}}"#), "foreign"),
        (format!(r#"{{"TopicArn":"x","Message":{send},"Message":{open_text}}}"#), "Open"),
        (format!(r#"{{"Records":[{{"body":{send}}}],"Records":[]}}"#), ""),
        (format!(r#"{{"Records":[{{"body":{send}}}],"Records":null}}"#), "foreign"),
        (format!(r#"{{"Records":[{{"body":{send},"body":{open}}}]}}"#), "Open"),
        (format!(r#"{{"Records":[{{"body":{send},"body":null}}]}}"#), "foreign"),
        (r#"{"requestId":"1","records":[{"data":"?","data":""}]}"#.to_owned(), ""),
        (r#"{"requestId":"1","records":[{}],"records":[]}"#.to_owned(), ""),
        (r#"{"Type":"SubscriptionConfirmation","Type":"x"}"#.to_owned(), "foreign"),
    ] {
        assert_eq!(kinds(&text), expected, "{text}");
    }
}

// === tags ===

#[test]
fn tag_is_a_bare_string_or_the_first_string_of_a_list() {
    for (form, expected) in [
        (r#"["spring"]"#, Some("spring")),
        (r#"["spring","summer"]"#, Some("spring")),
        (r#""spring""#, Some("spring")),
        (r#"["spring",1,null,{}]"#, Some("spring")),
        (r#"[""]"#, Some("")),
        (r#""""#, Some("")),
        (r#"["",  "spring"]"#, Some("")),
        (r#"[" "]"#, Some(" ")),
        ("[]", None),
        ("null", None),
        ("[null]", None),
        (r#"[null,"spring"]"#, None),
        (r#"[1,"spring"]"#, None),
        (r#"[["spring"]]"#, None),
        (r#"[{"0":"spring"}]"#, None),
        ("7", None),
        ("true", None),
        (r#"{"0":"spring"}"#, None),
    ] {
        let text = format!(r#"{{"eventType":"Send","mail":{{"tags":{{"campaign":{form}}}}}}}"#);
        assert_eq!(tag(&text, "campaign").as_deref(), expected, "{form}");
        let text = click(&format!(r#"{{"linkTags":{{"placement":{form}}}}}"#));
        assert_eq!(link_tag(&text).as_deref(), expected, "{form}");
    }
}

#[test]
fn tag_names_are_compared_exactly() {
    for name in ["Campaign", "campaign ", " campaign", "campaign\\u0000", "\\ud800campaign", ""] {
        let text = format!(r#"{{"eventType":"Send","mail":{{"tags":{{"{name}":["spring"]}}}}}}"#);
        assert_eq!(tag(&text, "campaign"), None, "{name}");
    }
    let text = r#"{"eventType":"Send","mail":{"tags":{"ses:configuration-set":["prod"]}}}"#;
    assert_eq!(tag(text, "ses:configuration-set").as_deref(), Some("prod"));
}

#[test]
fn message_tag_and_link_tag_of_one_name_are_two_values() {
    let text = r#"{"eventType":"Click","mail":{"tags":{"campaign":["mail"]}},"click":{"linkTags":{"campaign":["link"]}}}"#;
    assert_eq!(tag(text, "campaign").as_deref(), Some("mail"));
    assert_eq!(value(text, ValueKind::LinkTag, "campaign").as_deref(), Some("link"));
}

// === headers ===

#[test]
fn first_header_of_a_name_counts_in_any_case() {
    for (headers, expected) in [
        (r#"[{"name":"X-Pool","value":"a"}]"#, Some("a")),
        (r#"[{"value":"a","name":"x-pOOL"}]"#, Some("a")),
        (r#"[{"name":"X-POOL","value":"a"},{"name":"X-Pool","value":"b"}]"#, Some("a")),
        (r#"[{"name":"Subject","value":"s"},{"name":"x-pool","value":"b"}]"#, Some("b")),
        (r#"[{"name":"X-Pool","value":""},{"name":"X-Pool","value":"b"}]"#, Some("")),
        (r#"[{"name":"X-Pool"},{"name":"X-Pool","value":"b"}]"#, Some("")),
        (r#"[{"value":"a"},{"name":"X-Pool","value":"b"}]"#, Some("b")),
        (r#"[{"name":"X-Pool ","value":"a"},{"name":"X_Pool","value":"a"}]"#, None),
        (r#"[{"name":7,"value":"a"},null,7,"X-Pool",["X-Pool","a"]]"#, None),
        (r#"[{"Name":"X-Pool","Value":"a"}]"#, None),
        (r#"[{"name":"y","name":"X-Pool","value":"a","value":"b"}]"#, Some("b")),
        (r#"[{"name":"X-Pool","name":"y","value":"a"}]"#, None),
        (r#"{"name":"X-Pool","value":"a"}"#, None),
        (r#"{"X-Pool":"a"}"#, None),
        ("[]", None),
        ("null", None),
        (r#""X-Pool: a""#, None),
        (r#"[{"name":"X-Pool","value":"a"}],"headers":[]"#, None),
        (r#"[{"name":"X-Pool","value":"a"}],"headers":null"#, None),
        (r#"[{"name":"X-Pool","value":"a"}],"headers":[{"name":"x-pool","value":"b"}]"#, Some("b")),
    ] {
        assert_eq!(header(headers, "X-Pool").as_deref(), expected, "{headers}");
    }
}

#[test]
fn header_names_ignore_the_case_of_ascii_only() {
    // The Kelvin sign is a `k` in lower case.
    let mut wanted = InterestBuilder::default();
    wanted.want(ValueKind::EmailHeader, "X-Kind");
    let interest = wanted.build();
    assert!(interest.slot(ValueKind::EmailHeader, "x-KIND").is_some());
    assert!(interest.slot(ValueKind::EmailHeader, "X-\u{212a}ind").is_none());
    let long = "x".repeat(300);
    assert!(interest.slot(ValueKind::EmailHeader, &long).is_none());
    assert_eq!(header(&format!(r#"[{{"name":"{long}","value":"a"}}]"#), "X-Pool"), None);
}

#[test]
fn header_is_read_whatever_its_value_contains() {
    let read =
        header(r#"[{"name":"Subject","value":"Caf\u00e9 \ud83d\ude00 \"\\\r\n x"}]"#, "Subject");
    assert_eq!(read.as_deref(), Some("Caf\u{e9} \u{1f600} \"\\\r\n x"));
}

// === times ===

#[test]
fn time_is_that_of_the_own_block_or_else_of_mail() {
    for (event_type, block) in [
        ("Bounce", Some("bounce")),
        ("Complaint", Some("complaint")),
        ("Delivery", Some("delivery")),
        ("DeliveryDelay", Some("deliveryDelay")),
        ("Open", Some("open")),
        ("Click", Some("click")),
        ("Subscription", Some("subscription")),
        ("Send", None),
        ("Reject", None),
        ("Rendering Failure", None),
    ] {
        let blocks = [
            "bounce",
            "complaint",
            "delivery",
            "deliveryDelay",
            "open",
            "click",
            "subscription",
            "send",
            "reject",
            "failure",
            "renderingFailure",
        ];
        let text = |own: &str, mail: &str| {
            let blocks: Vec<_> = blocks
                .iter()
                .map(|name| {
                    let time = if Some(*name) == block { own } else { r#""2001-01-01T00:00:00Z""# };
                    format!(r#""{name}":{{"timestamp":{time}}}"#)
                })
                .collect();
            let blocks = blocks.join(",");
            format!(r#"{{"eventType":"{event_type}",{blocks},"mail":{{"timestamp":{mail}}}}}"#)
        };
        let own = r#""2026-11-20T12:34:56.789Z""#;
        let mail = r#""2026-11-19T01:02:03Z""#;
        let of_mail = Some(("2026-11-19T01:02:00Z".to_owned(), TimeOrigin::Mail));
        let of_block = Some(("2026-11-20T12:34:00Z".to_owned(), TimeOrigin::Block));
        let expected = if block.is_some() { &of_block } else { &of_mail };
        assert_eq!(minute(text(own, mail)), *expected, "{event_type}");
        for absent in ["null", r#""""#, r#""yesterday""#, "1763640000", r#""2026-11-20""#] {
            assert_eq!(minute(text(absent, mail)), of_mail, "{event_type} {absent}");
            assert_eq!(minute(text(absent, absent)), None, "{event_type} {absent}");
        }
    }
}

#[test]
fn escapes_in_a_time_are_read() {
    let text = r#"{"eventType":"Send","mail":{"timestamp":"2026-11-20T12\u003a00:00\u002b02:00"}}"#;
    assert_eq!(minute(text), Some(("2026-11-20T10:00:00Z".to_owned(), TimeOrigin::Mail)));
}
