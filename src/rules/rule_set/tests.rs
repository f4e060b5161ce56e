//! Which destinations an event reaches, and which values its dimensions get.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::aggregate::sorted_lines;
use crate::definitions::{is_dimension_value, read};
use crate::pipeline::{Batch, Times};
use crate::rules::{InvalidValue, ValueOrigin};
use crate::ses::{NonEventReason, Path, Visitor, read_all};

const ARRIVAL_MS: i64 = 1_763_640_000_000;

fn definitions(sets: &Value) -> Definitions {
    let reading = read("f", &json!({"ConfigurationSets": sets}).to_string());
    reading.definitions.unwrap_or_else(|| panic!("{:#?}", reading.findings))
}

fn set(name: &str, destinations: &[Value]) -> Value {
    json!({"ConfigurationSetName": name, "EventDestinations": destinations})
}

/// An enabled destination for these types with these dimensions, each `SOURCE:name:default`.
fn destination(name: &str, types: &[&str], dimensions: &[&str]) -> Value {
    let dimensions: Vec<_> = dimensions
        .iter()
        .map(|dimension| {
            let (source, rest) = dimension.split_once(':').unwrap();
            let (name, default) = rest.rsplit_once(':').unwrap();
            json!({"DimensionName": name, "DimensionValueSource": source, "DefaultDimensionValue": default})
        })
        .collect();
    json!({"Name": name, "Enabled": true, "MatchingEventTypes": types,
        "CloudWatchDestination": {"DimensionConfigurations": dimensions}})
}

fn by_campaign(name: &str, types: &[&str]) -> Value {
    destination(name, types, &["MESSAGE_TAG:campaign:none"])
}

fn event(event_type: &str, tags: &Value) -> Value {
    json!({"eventType": event_type, "mail": {"timestamp": "2026-11-20T12:00:00Z", "tags": tags}})
}

fn of_set(set: &str) -> Value {
    event("Send", &json!({"ses:configuration-set": [set]}))
}

/// For each event: its set, or `-`, then the names of the destinations that receive it.
struct Routes<'r>(&'r RuleSet, Vec<String>);

impl Visitor for Routes<'_> {
    fn event(&mut self, event: &Event<'_>, _: &Path, _: u64, _: &[u8]) {
        self.1.push(match self.0.route(event) {
            Route::Unrouted => "-".to_owned(),
            Route::Set(set) => {
                let rules = set.matching(event.event_type).map(|rule| rule.name.as_str());
                std::iter::once(set.name.as_str()).chain(rules).collect::<Vec<_>>().join(" ")
            }
        });
    }

    fn non_event(&mut self, why: NonEventReason<'_>, _: &Path, _: u64, _: &[u8]) {
        panic!("{why:?}");
    }
}

fn route(sets: &Value, default_set: Option<&str>, event: &Value) -> String {
    let rules = RuleSet::new(&definitions(sets), "SES", default_set, &Layouts::default());
    let mut routes = Routes(&rules, Vec::new());
    read_all(event.to_string().as_bytes(), rules.interest(), &mut routes);
    routes.1.remove(0)
}

/// The counts of some events as `Namespace Metric name=value;… count`, and the tally.
fn counted(sets: &Value, events: &[Value]) -> (Vec<String>, crate::pipeline::Tally) {
    let layouts = Layouts::default();
    let rules = Arc::new(RuleSet::new(&definitions(sets), "SES", None, &layouts));
    let times = Times { arrival_ms: ARRIVAL_MS, use_arrival: false };
    let mut batch = Batch::new(Arc::clone(&rules), times);
    for event in events {
        read_all(event.to_string().as_bytes(), rules.interest(), &mut batch);
    }
    let lines = sorted_lines(batch.delta.iter(), &layouts);
    let lines = lines.iter().map(|line| {
        let pairs = line.series.dimensions.iter().map(|(name, value)| format!("{name}={value}"));
        let pairs = pairs.collect::<Vec<_>>().join(";");
        format!("{} {} {pairs} {}", line.series.namespace, line.series.metric, line.count)
    });
    (lines.collect(), batch.tally)
}

/// The value and the origin of the one dimension, or the invalid text.
struct Values<'r>(&'r RuleSet, Vec<Result<(String, ValueOrigin), String>>);

impl Visitor for Values<'_> {
    fn event(&mut self, event: &Event<'_>, _: &Path, _: u64, _: &[u8]) {
        let Route::Set(set) = self.0.route(event) else { panic!("unrouted") };
        let Action::Count(metrics) = &set.rules[0].action else { panic!("nothing is counted") };
        let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        self.1.push(match metrics.resolve(&metrics.dimensions[0], event) {
            Ok((value, origin)) => Ok((shown(&value), origin)),
            Err(InvalidValue(text)) => Err(shown(text)),
        });
    }

    fn non_event(&mut self, why: NonEventReason<'_>, _: &Path, _: u64, _: &[u8]) {
        panic!("{why:?}");
    }
}

/// Resolves the dimension `SOURCE:name:default` for an event.
fn resolve(
    dimension: &str,
    on_invalid: &str,
    event: &str,
) -> Result<(String, ValueOrigin), String> {
    let mut destination = destination("d", &["SEND", "OPEN", "CLICK"], &[dimension]);
    destination["CloudWatchDestination"]["OnInvalidValue"] = on_invalid.into();
    let definitions = definitions(&json!([set("*", &[destination])]));
    let rules = RuleSet::new(&definitions, "SES", Some("any"), &Layouts::default());
    let mut values = Values(&rules, Vec::new());
    read_all(event.as_bytes(), rules.interest(), &mut values);
    values.1.remove(0)
}

fn with_campaign(value: &str) -> String {
    event("Send", &json!({"campaign": [value]})).to_string()
}

#[expect(clippy::unnecessary_wraps, reason = "what the others give")]
fn from_event(value: &str) -> Result<(String, ValueOrigin), String> {
    Ok((value.to_owned(), ValueOrigin::Event))
}

// === routing ===

#[test]
fn event_is_routed_to_the_set_that_its_tag_names() {
    let sets =
        json!([set("a", &[by_campaign("x", &["SEND"])]), set("b", &[by_campaign("y", &["SEND"])])]);
    assert_eq!(route(&sets, None, &of_set("a")), "a x");
    assert_eq!(route(&sets, None, &of_set("b")), "b y");
    assert_eq!(route(&sets, Some("a"), &of_set("b")), "b y");
    let first = event("Send", &json!({"ses:configuration-set": ["b", "a"]}));
    assert_eq!(route(&sets, None, &first), "b y");
    let bare = event("Send", &json!({"ses:configuration-set": "b"}));
    assert_eq!(route(&sets, None, &bare), "b y");
}

#[test]
fn event_without_a_set_is_routed_to_the_default_set() {
    let sets = json!([set("a", &[by_campaign("x", &["SEND"])])]);
    let blanks = ["", " ", "\t\r\n "].map(of_set);
    let absent = [
        event("Send", &json!({})),
        event("Send", &Value::Null),
        event("Send", &json!({"ses:configuration-set": []})),
        event("Send", &json!({"ses:configuration-set": [7, "a"]})),
    ];
    for event in blanks.iter().chain(&absent) {
        assert_eq!(route(&sets, Some("a"), event), "a x", "{event}");
        assert_eq!(route(&sets, Some("unknown"), event), "-", "{event}");
        assert_eq!(route(&sets, None, event), "-", "{event}");
    }
}

#[test]
fn blank_default_set_is_none() {
    let sets = json!([set("*", &[by_campaign("any", &["SEND"])])]);
    for blank in ["", " "] {
        assert_eq!(route(&sets, Some(blank), &event("Send", &json!({}))), "-");
    }
}

#[test]
fn event_of_an_unknown_set_is_unrouted() {
    let sets = json!([set("a", &[by_campaign("x", &["SEND"])])]);
    for name in ["b", "A", "a ", " a", "caf\u{e9}", "*"] {
        assert_eq!(route(&sets, Some("a"), &of_set(name)), "-", "{name}");
    }
}

#[test]
fn any_set_takes_unlisted_sets_but_no_event_without_a_set() {
    let sets = json!([
        set("a", &[by_campaign("x", &["OPEN"])]),
        set("*", &[by_campaign("any", &["SEND"])]),
    ]);
    assert_eq!(route(&sets, None, &of_set("b")), "* any");
    assert_eq!(route(&sets, None, &of_set("two words")), "* any");
    // The set is listed, although none of its destinations matches the type.
    assert_eq!(route(&sets, None, &of_set("a")), "a");
    assert_eq!(route(&sets, None, &event("Send", &json!({}))), "-");
    assert_eq!(route(&sets, Some("b"), &event("Send", &json!({}))), "* any");
}

#[test]
fn enabled_destinations_of_the_type_all_receive_the_event() {
    let mut disabled = by_campaign("off", &["SEND", "OPEN"]);
    disabled["Enabled"] = false.into();
    let mut unsaid = by_campaign("unsaid", &["SEND"]);
    unsaid.as_object_mut().unwrap().remove("Enabled");
    let other = json!({"Name": "bus", "Enabled": true, "MatchingEventTypes": ["SEND"],
        "SnsDestination": {"TopicArn": "arn:aws:sns:eu-west-1:111122223333:t"}});
    let (x, y) = (by_campaign("x", &["SEND"]), by_campaign("y", &["SEND", "CLICK"]));
    let sets = json!([set("a", &[disabled, x, unsaid, other, y])]);
    let of_type = |name| event(name, &json!({"ses:configuration-set": ["a"]}));
    assert_eq!(route(&sets, None, &of_type("Send")), "a x bus y");
    assert_eq!(route(&sets, None, &of_type("Click")), "a y");
    assert_eq!(route(&sets, None, &of_type("Open")), "a");
}

#[test]
fn unmatched_and_unrouted_events_are_distinguished() {
    let bus = json!({"Name": "bus", "Enabled": true, "MatchingEventTypes": ["OPEN"],
        "SnsDestination": {"TopicArn": "arn:aws:sns:eu-west-1:111122223333:t"}});
    let sets = json!([set("a", &[by_campaign("x", &["SEND"]), bus]), set("empty", &[])]);
    let of = |name, set: &str| event(name, &json!({"ses:configuration-set": [set]}));
    let events =
        [of("Send", "a"), of("Open", "a"), of("Click", "a"), of("Send", "empty"), of("Send", "b")];
    let (lines, tally) = counted(&sets, &events);
    assert_eq!(lines, ["SES Send campaign=none 1"]);
    assert_eq!((tally.matched, tally.unmatched, tally.unrouted), (2, 2, 1));
    assert_eq!((tally.destination_matches, tally.counts, tally.events()), (1, 1, 5));
}

// === values ===

#[test]
fn value_comes_from_its_source() {
    let event = r#"{"eventType":"Click","mail":{"tags":{"place":["tag"]},"headers":[{"name":"PLACE",
        "value":"header"}]},"click":{"linkTags":{"place":["link"]}}}"#;
    assert_eq!(resolve("MESSAGE_TAG:place:none", "DROP", event), from_event("tag"));
    assert_eq!(resolve("EMAIL_HEADER:place:none", "DROP", event), from_event("header"));
    assert_eq!(resolve("LINK_TAG:place:none", "DROP", event), from_event("link"));
    for dimension in ["MESSAGE_TAG:Place:none", "LINK_TAG:PLACE:none", "EMAIL_HEADER:places:none"] {
        let default = Ok(("none".to_owned(), ValueOrigin::DefaultForMissing));
        assert_eq!(resolve(dimension, "DROP", event), default);
    }
}

#[test]
fn automatic_tags_are_tags_like_any_other() {
    let event = event("Send", &json!({"ses:from-domain": ["example.com"]})).to_string();
    assert_eq!(
        resolve("MESSAGE_TAG:ses:from-domain:none", "DROP", &event),
        from_event("example.com")
    );
}

#[test]
fn link_tags_are_read_on_click_events_only() {
    for (event_type, expected) in [
        ("Click", from_event("top")),
        ("Open", Ok(("none".to_owned(), ValueOrigin::DefaultForMissing))),
        ("Send", Ok(("none".to_owned(), ValueOrigin::DefaultForMissing))),
    ] {
        let event = format!(
            r#"{{"eventType":"{event_type}","mail":{{}},"click":{{"linkTags":{{"place":["top"]}}}}}}"#
        );
        assert_eq!(resolve("LINK_TAG:place:none", "DROP", &event), expected, "{event_type}");
    }
}

#[test]
fn missing_and_blank_values_become_the_default_under_any_on_invalid_value() {
    let missing = event("Send", &json!({"other": ["x"]})).to_string();
    for on_invalid in ["DROP", "DEFAULT", "SANITIZE"] {
        let resolve = |event: &str| resolve("MESSAGE_TAG:campaign:none", on_invalid, event);
        let default = |origin| Ok(("none".to_owned(), origin));
        assert_eq!(resolve(&missing), default(ValueOrigin::DefaultForMissing));
        for blank in ["", " ", "\t \r\n"] {
            assert_eq!(resolve(&with_campaign(blank)), default(ValueOrigin::DefaultForBlank));
        }
    }
}

#[test]
fn invalid_value_is_dropped_replaced_or_sanitized() {
    for (value, sanitized) in [
        ("two words", "two_words"),
        (" x", "_x"),
        ("caf\u{e9}", "caf_"),
        ("\u{1f600}", "_"),
        ("e\u{301}", "e_"),
        ("a/b:c;d", "a_b_c_d"),
        ("\u{a0}", "_"),
        ("\u{0}", "_"),
        ("2001:db8::1", "2001_db8__1"),
    ] {
        let event = with_campaign(value);
        let resolve = |on_invalid| resolve("MESSAGE_TAG:campaign:none", on_invalid, &event);
        assert_eq!(resolve("DROP"), Err(value.to_owned()));
        assert_eq!(resolve("DEFAULT"), Ok(("none".to_owned(), ValueOrigin::DefaultForInvalid)));
        assert_eq!(resolve("SANITIZE"), Ok((sanitized.to_owned(), ValueOrigin::Sanitized)));
    }
}

#[test]
fn lone_surrogate_is_one_invalid_character() {
    let event = r#"{"eventType":"Send","mail":{"tags":{"campaign":["a\ud800b\udc00"]}}}"#;
    let resolve = |on_invalid| resolve("MESSAGE_TAG:campaign:none", on_invalid, event);
    assert!(resolve("DROP").is_err());
    assert_eq!(resolve("DEFAULT").unwrap().1, ValueOrigin::DefaultForInvalid);
    assert_eq!(resolve("SANITIZE"), Ok(("a_b_".to_owned(), ValueOrigin::Sanitized)));
}

#[test]
fn value_has_at_most_255_characters() {
    let dimension = "MESSAGE_TAG:campaign:none";
    let (longest, too_long) = ("x".repeat(255), "x".repeat(256));
    for on_invalid in ["DROP", "DEFAULT", "SANITIZE"] {
        assert_eq!(resolve(dimension, on_invalid, &with_campaign(&longest)), from_event(&longest));
    }
    let event = with_campaign(&too_long);
    assert_eq!(resolve(dimension, "DROP", &event), Err(too_long));
    assert_eq!(resolve(dimension, "DEFAULT", &event).unwrap().0, "none");
    assert_eq!(resolve(dimension, "SANITIZE", &event), Ok((longest, ValueOrigin::Sanitized)));
    // Characters are cut, not bytes.
    let event = with_campaign(&"\u{1f600}".repeat(300));
    assert_eq!(resolve(dimension, "SANITIZE", &event).unwrap().0, "_".repeat(255));
}

#[test]
fn default_of_255_characters_is_sent_whole() {
    let default = "d".repeat(255);
    let (lines, _) = counted(
        &json!([set(
            "a",
            &[destination("x", &["SEND"], &[&format!("MESSAGE_TAG:campaign:{default}")])]
        )]),
        &[of_set("a")],
    );
    assert_eq!(lines, [format!("SES Send campaign={default} 1")]);
}

proptest! {
    /// The result is always a valid dimension value, and a valid value of an event is never
    /// changed.
    #[test]
    fn resolved_values_are_dimension_values(
        value in prop_oneof![".{0,300}", "[a-z0-9_.@-]{0,300}"],
        on_invalid in prop::sample::select(&["DROP", "DEFAULT", "SANITIZE"][..]),
    ) {
        match resolve("MESSAGE_TAG:campaign:none", on_invalid, &with_campaign(&value)) {
            Ok((resolved, origin)) => {
                prop_assert!(is_dimension_value(resolved.as_bytes()));
                prop_assert_eq!(origin == ValueOrigin::Event, resolved == value);
            }
            Err(text) => {
                prop_assert_eq!(on_invalid, "DROP");
                prop_assert!(!is_dimension_value(text.as_bytes()));
                prop_assert_eq!(text, value);
            }
        }
    }
}

// === series ===

#[test]
fn invalid_dimension_drops_only_the_datum_of_its_destination() {
    let two = ["MESSAGE_TAG:campaign:none", "MESSAGE_TAG:genre:none"];
    let sets = json!([set(
        "a",
        &[
            destination("both", &["SEND"], &two),
            destination("one", &["SEND"], &two[..1]),
            destination("other", &["SEND"], &two[1..]),
        ],
    )]);
    let tags =
        json!({"ses:configuration-set": ["a"], "campaign": ["two words"], "genre": ["jazz"]});
    let (lines, tally) = counted(&sets, &[event("Send", &tags)]);
    assert_eq!(lines, ["SES Send genre=jazz 1"]);
    assert_eq!((tally.destination_matches, tally.counts, tally.invalid_value), (3, 1, 2));
    assert_eq!(tally.matched, 1);
}

#[test]
fn dimensions_of_a_destination_are_on_one_metric_sorted_by_name() {
    let dimensions = ["MESSAGE_TAG:b:x", "EMAIL_HEADER:a:y", "LINK_TAG:C:z"];
    let sets = json!([set("a", &[destination("d", &["SEND"], &dimensions)])]);
    assert_eq!(counted(&sets, &[of_set("a")]).0, ["SES Send C=z;a=y;b=x 1"]);
}

#[test]
fn destinations_that_write_the_same_series_add_to_it() {
    // From one set, from two sets, by a value and by a default, and with dimensions in another
    // order.
    let forward = ["MESSAGE_TAG:campaign:spring", "MESSAGE_TAG:genre:jazz"];
    let backward = ["MESSAGE_TAG:genre:jazz", "MESSAGE_TAG:campaign:none"];
    let sets = json!([
        set("a", &[destination("x", &["SEND"], &forward), destination("y", &["SEND"], &backward)]),
        set("b", &[destination("x", &["SEND"], &forward)]),
    ]);
    let of =
        |set: &str| event("Send", &json!({"ses:configuration-set": [set], "campaign": "spring"}));
    let (lines, tally) = counted(&sets, &[of("a"), of("b"), of_set("b")]);
    assert_eq!(lines, ["SES Send campaign=spring;genre=jazz 4"]);
    assert_eq!((tally.destination_matches, tally.counts), (4, 4));
}

#[test]
fn series_differ_by_name_value_metric_and_namespace() {
    let mut elsewhere = by_campaign("z", &["SEND"]);
    elsewhere["CloudWatchDestination"]["Namespace"] = "Mail".into();
    let sets = json!([set(
        "a",
        &[
            by_campaign("x", &["SEND", "OPEN"]),
            destination("y", &["SEND"], &["MESSAGE_TAG:Campaign:none"]),
            elsewhere
        ],
    )]);
    let of = |name, campaign: &str| {
        event(name, &json!({"ses:configuration-set": ["a"], "campaign": [campaign]}))
    };
    let (lines, _) = counted(&sets, &[of("Send", "s"), of("Send", "t"), of("Open", "s")]);
    assert_eq!(
        lines,
        [
            "Mail Send campaign=s 1",
            "Mail Send campaign=t 1",
            "SES Open campaign=s 1",
            "SES Send Campaign=none 2",
            "SES Send campaign=s 1",
            "SES Send campaign=t 1",
        ]
    );
}

#[test]
fn namespace_is_that_of_the_destination_else_of_the_set_else_the_default() {
    let mut own = by_campaign("own", &["SEND"]);
    own["CloudWatchDestination"]["Namespace"] = "Own".into();
    let mut of_its_set = set("a", &[own.clone(), by_campaign("plain", &["SEND"])]);
    of_its_set["Namespace"] = "Set".into();
    let sets = json!([of_its_set, set("b", &[own, by_campaign("plain", &["SEND"])])]);
    let (lines, _) = counted(&sets, &[of_set("a"), of_set("b")]);
    assert_eq!(
        lines,
        ["Own Send campaign=none 2", "SES Send campaign=none 1", "Set Send campaign=none 1"]
    );
}

#[test]
fn event_counts_once_per_destination_for_any_number_of_recipients() {
    let sets = json!([set("a", &[by_campaign("x", &["BOUNCE"])])]);
    let mut bounce = event("Bounce", &json!({"ses:configuration-set": ["a"]}));
    bounce["mail"]["destination"] = json!(["a@example.com", "b@example.com", "c@example.net"]);
    bounce["bounce"] = json!({"bouncedRecipients": [{}, {}, {}]});
    assert_eq!(counted(&sets, &[bounce]).0, ["SES Bounce campaign=none 1"]);
}

// === fields and sets ===

fn extended(types: &[&str], dimensions: &[&str], fields: &[&str], sets: &Value) -> Value {
    let mut destination = destination("d", types, dimensions);
    let fields =
        fields.iter().map(|field| json!({"Field": field, "DefaultDimensionValue": "none"}));
    destination["CloudWatchDestination"]["EventDimensions"] = fields.collect();
    destination["CloudWatchDestination"]["DimensionSets"] = sets.clone();
    json!([set("*", &[destination])])
}

fn bounce(class: &str, campaign: &str) -> Value {
    let mut bounce =
        event("Bounce", &json!({"ses:configuration-set": ["any"], "campaign": [campaign]}));
    bounce["bounce"] = json!({"bounceType": class, "bounceSubType": "No such: user"});
    bounce
}

#[test]
fn event_is_counted_once_in_each_set_whose_fields_it_has() {
    let sets = json!([["campaign", "bounce_class"], ["campaign"], []]);
    let sets =
        extended(&["SEND", "BOUNCE"], &["MESSAGE_TAG:campaign:none"], &["bounce_class"], &sets);
    let (lines, tally) = counted(
        &sets,
        &[
            bounce("Permanent", "spring"),
            bounce("Transient", "spring"),
            bounce("Permanent", "two words"),
            event("Send", &json!({"ses:configuration-set": ["any"], "campaign": ["spring"]})),
            event("Open", &json!({"ses:configuration-set": ["any"]})),
        ],
    );
    assert_eq!(
        lines,
        [
            "SES Bounce  3",
            "SES Bounce bounce_class=hard;campaign=spring 1",
            "SES Bounce bounce_class=soft;campaign=spring 1",
            "SES Bounce campaign=spring 2",
            "SES Send  1",
            "SES Send campaign=spring 1",
        ]
    );
    assert_eq!((tally.destination_matches, tally.counts, tally.invalid_value), (4, 4, 0));
    let values = tally.values;
    // Three series of each bounce, two of the send.
    assert_eq!((values.matches, values.counts, values.invalid_value), (11, 9, 2));
    assert_eq!((tally.matched, tally.unmatched), (4, 1));
}

#[test]
fn event_without_a_valid_value_in_any_set_is_dropped_once() {
    let sets =
        extended(&["BOUNCE"], &["MESSAGE_TAG:campaign:none"], &["bounce_class"], &Value::Null);
    let (lines, tally) = counted(&sets, &[bounce("Permanent", "two words")]);
    assert!(lines.is_empty(), "{lines:?}");
    assert_eq!((tally.destination_matches, tally.counts, tally.invalid_value), (1, 0, 1));
    assert_eq!((tally.values.matches, tally.values.invalid_value), (1, 1));
}

#[test]
fn type_without_a_field_makes_no_series_and_no_match() {
    let sets = extended(&["SEND", "BOUNCE"], &[], &["bounce_class"], &Value::Null);
    let send = event("Send", &json!({"ses:configuration-set": ["any"]}));
    let (lines, tally) = counted(&sets, &[send, bounce("Undetermined", "")]);
    assert_eq!(lines, ["SES Bounce bounce_class=undetermined 1"]);
    assert_eq!((tally.matched, tally.destination_matches, tally.counts), (2, 1, 1));
}

#[test]
fn field_never_costs_a_count_whatever_happens_to_invalid_values() {
    for on_invalid in ["DROP", "DEFAULT", "SANITIZE"] {
        let mut sets = extended(
            &["BOUNCE"],
            &[],
            &["bounce_sub_type", "delay_type"],
            &json!([["bounce_sub_type"]]),
        );
        sets[0]["EventDestinations"][0]["CloudWatchDestination"]["OnInvalidValue"] =
            on_invalid.into();
        let mut blank = bounce("Permanent", "");
        blank["bounce"]["bounceSubType"] = " ".into();
        let (lines, _) = counted(&sets, &[bounce("Permanent", ""), blank]);
        assert_eq!(
            lines,
            ["SES Bounce bounce_sub_type=No_such__user 1", "SES Bounce bounce_sub_type=none 1"]
        );
    }
}

#[test]
fn destinations_of_several_sets_add_up_in_a_total() {
    let total = |name: &str| {
        let destination = extended(&["SEND"], &["MESSAGE_TAG:a:none"], &[], &json!([[]]));
        set(name, &[destination[0]["EventDestinations"][0].clone()])
    };
    let (lines, _) =
        counted(&json!([total("a"), total("b")]), &[of_set("a"), of_set("b"), of_set("b")]);
    assert_eq!(lines, ["SES Send  3"]);
}
