//! Changes of definitions, and what they keep.

use serde_json::json;

use super::*;
use crate::definitions::{read, read_destination, read_destination_extensions, read_options};

fn set_of(name: String) -> ConfigurationSet {
    let (namespace, options) = (None, SetOptions::default());
    ConfigurationSet { name, namespace, options, event_destinations: Vec::new() }
}

fn destination_of(name: &str, tag: &str) -> EventDestination {
    let body = json!({"EventDestination": {
        "MatchingEventTypes": ["SEND"],
        "CloudWatchDestination": {"DimensionConfigurations": [{
            "DimensionName": tag,
            "DimensionValueSource": "MESSAGE_TAG",
            "DefaultDimensionValue": "none",
        }]},
    }});
    read_destination(&body.to_string()).expect("it is sound").named(name.to_owned())
}

#[test]
fn account_has_at_most_10_000_sets_and_a_set_10_destinations() {
    let mut definitions = Definitions::default();
    put_set_extensions(&mut definitions, "*", None).expect("it is no set of SES");
    for number in 0..SETS_MAX {
        create_set(&mut definitions, set_of(format!("s{number}"))).expect("there is room");
    }
    let kind = |done: ChangeResult| done.expect_err("it is refused").kind;
    assert_eq!(
        kind(create_set(&mut definitions, set_of("more".to_owned()))),
        ErrorKind::LimitExceeded
    );
    let exists = ErrorKind::AlreadyExists(ApiResource::ConfigurationSet);
    assert_eq!(kind(create_set(&mut definitions, set_of("s7".to_owned()))), exists);
    for number in 0..EVENT_DESTINATIONS_MAX {
        let destination = destination_of(&format!("d{number}"), "a");
        create_destination(&mut definitions, "s7", destination).expect("there is room");
    }
    let eleventh = destination_of("more", "a");
    assert_eq!(
        kind(create_destination(&mut definitions, "s7", eleventh)),
        ErrorKind::LimitExceeded
    );
    // Even the largest document can be read again.
    let text = crate::definitions::to_document(&definitions).expect("JSON");
    assert_eq!(read("d", &text).definitions, Some(definitions));
}

#[test]
fn destination_update_keeps_place_and_extensions_and_another_kind_drops_them() {
    let mut definitions = Definitions::default();
    create_set(&mut definitions, set_of("prod".to_owned())).expect("there is room");
    for name in ["a", "b", "c"] {
        let destination = destination_of(name, "x");
        create_destination(&mut definitions, "prod", destination).expect("there is room");
    }
    let extensions =
        DestinationExtensions { namespace: Some("Mine".to_owned()), ..Default::default() };
    put_destination_extensions(&mut definitions, "prod", "b", extensions).expect("it counts");
    update_destination(&mut definitions, "prod", destination_of("b", "y")).expect("it is there");
    let names: Vec<&str> =
        definitions.configuration_sets[0].event_destinations.iter().map(|d| &*d.name).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let namespace = |definitions: &Definitions| match &destination(definitions, "prod", "b")
        .expect("it is there")
        .destination
    {
        Destination::CloudWatch(cloudwatch) => cloudwatch.extensions.namespace.clone(),
        _ => None,
    };
    assert_eq!(namespace(&definitions), Some("Mine".to_owned()));
    let mut pinpoint = destination_of("b", "x");
    pinpoint.destination = Destination::Pinpoint { application_arn: None };
    update_destination(&mut definitions, "prod", pinpoint).expect("it is there");
    update_destination(&mut definitions, "prod", destination_of("b", "x")).expect("it is there");
    assert_eq!(namespace(&definitions), None);
}

fn extensions_of(body: &Value) -> DestinationExtensions {
    read_destination_extensions(&body.to_string()).expect("they are sound")
}

#[test]
fn update_that_would_orphan_a_name_of_an_extension_is_refused_and_names_it() {
    let mut definitions = Definitions::default();
    create_set(&mut definitions, set_of("prod".to_owned())).expect("there is room");
    let destination = destination_of("d", "campaign");
    create_destination(&mut definitions, "prod", destination).expect("there is room");
    let own = extensions_of(&json!({
        "EventDimensions": [{"Field": "account", "DefaultDimensionValue": "none"}],
        "DimensionSets": [["campaign", "account"], []],
    }));
    put_destination_extensions(&mut definitions, "prod", "d", own.clone()).expect("they fit");
    let kept = |definitions: &Definitions| match &destination_of_set(definitions).destination {
        Destination::CloudWatch(cloudwatch) => cloudwatch.extensions.clone(),
        _ => panic!("it counts"),
    };
    let refused = |done: ChangeResult| {
        let error = done.expect_err("it is refused");
        assert!(matches!(error.kind, ErrorKind::BadRequest(_)), "{error:?}");
        error.message
    };

    let message = |tag: &str| {
        let mut changed = definitions.clone();
        refused(update_destination(&mut changed, "prod", destination_of("d", tag)))
    };
    let orphan = message("genre");
    assert!(orphan.starts_with("DimensionSets names \"campaign\", which is not"), "{orphan}");
    let path = "PUT /postmeter/v1/configuration-sets/prod/event-destinations/d";
    assert!(orphan.contains(path), "{orphan}");
    let twice = message("account");
    assert!(twice.starts_with("dimension name \"account\" is used twice"), "{twice}");

    let limits = extensions_of(&json!({
        "Measures": ["COUNT"],
        "ValueLimits": {"campaign": 5},
        "KeepValues": {"campaign": ["spring"]},
    }));
    let mut limited = definitions.clone();
    put_destination_extensions(&mut limited, "prod", "d", limits.clone()).expect("they fit");
    let orphan = refused(update_destination(&mut limited, "prod", destination_of("d", "genre")));
    assert!(orphan.starts_with("ValueLimits names \"campaign\", which is not"), "{orphan}");
    assert!(orphan.contains(path), "{orphan}");
    update_destination(&mut limited, "prod", destination_of("d", "campaign")).expect("it fits");
    assert_eq!(kept(&limited), limits);
    let rates = extensions_of(&json!({ "Measures": ["COMPLAINT_RATE"] }));
    let unfit = refused(put_destination_extensions(&mut limited, "prod", "d", rates));
    assert!(unfit.starts_with("COMPLAINT_RATE needs events of COMPLAINT, DELIVERY"), "{unfit}");

    let mut off = destination_of("d", "campaign");
    off.enabled = false;
    update_destination(&mut definitions, "prod", off).expect("it has all the names");
    assert_eq!(kept(&definitions), own);

    // Two totals would count each event twice.
    let on = |name: &str| EventDestination { enabled: true, ..destination_of(name, "campaign") };
    update_destination(&mut definitions, "prod", on("d")).expect("it has all the names");
    let off = destination_of("e", "campaign");
    create_destination(&mut definitions, "prod", off).expect("there is room");
    let total = extensions_of(&json!({ "DimensionSets": [[]] }));
    put_destination_extensions(&mut definitions, "prod", "e", total).expect("it is off");
    let both = refused(update_destination(&mut definitions, "prod", on("e")));
    assert!(both.contains("d and e write the same series, those of []"), "{both}");
}

fn destination_of_set(definitions: &Definitions) -> &EventDestination {
    &definitions.configuration_sets[0].event_destinations[0]
}

#[test]
fn options_are_replaced_merged_and_removed() {
    let mut definitions = Definitions::default();
    create_set(&mut definitions, set_of("prod".to_owned())).expect("there is room");
    let member = "DeliveryOptions";
    let options = |block: &Value| {
        read_options(&json!({ member: block }).to_string()).expect("they are sound")
    };
    let mut put = |mode, block: &Value| {
        put_options(&mut definitions, "prod", member, options(block), mode)?;
        let block = definitions.configuration_sets[0].options.0.get(member).cloned();
        Ok::<_, ApiError>(block)
    };
    let (tls, pool) = (json!({ "TlsPolicy": "REQUIRE" }), json!({ "SendingPoolName": "p" }));
    let both = json!({ "TlsPolicy": "REQUIRE", "SendingPoolName": "p" });
    assert!(put(PutMode::Update, &tls).is_err());
    assert_eq!(put(PutMode::Create, &tls), Ok(Some(tls.clone())));
    assert!(put(PutMode::Create, &tls).is_err());
    assert_eq!(put(PutMode::Merge, &pool), Ok(Some(both.clone())));
    assert_eq!(put(PutMode::Merge, &Value::Null), Ok(Some(both)));
    assert_eq!(put(PutMode::Replace, &pool), Ok(Some(pool)));
    assert_eq!(put(PutMode::Update, &Value::Null), Ok(None));
}
