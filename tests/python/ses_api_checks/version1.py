"""All that version 1 has, and that both versions speak of the same."""

import re
from urllib.parse import urlencode
from xml.etree import ElementTree

from .lists import make_page_sets
from .support import (
    ANY_CODE,
    DESCRIBED,
    ENUM_FAULT,
    EVENT_BRIDGE,
    FIREHOSE,
    NO_METRICS,
    ONE_KIND,
    OPTIONS,
    ROLE,
    SNS,
    STREAM,
    TOPIC,
    TYPES,
    V1_TYPES,
    bare,
    check,
    cloudwatch,
    definition,
    dimension,
    make,
    make_set,
    refused,
    same,
    shown,
    true,
    untold,
)


def v1_dimension(name="campaign", source="messageTag", default="none"):
    return dimension(name, source, default)


def v1_destination(name, kind=None, types=("send",), **more):
    return {"Name": name, "MatchingEventTypes": list(types), **(kind or cloudwatch(v1_dimension())), **more}


V1_SNS = {"SNSDestination": {"TopicARN": TOPIC}}
V1_FIREHOSE = {"KinesisFirehoseDestination": {"IAMRoleARN": ROLE, "DeliveryStreamARN": STREAM}}


def described(api, name, *attributes):
    return bare(
        api.v1.describe_configuration_set(
            ConfigurationSetName=name, ConfigurationSetAttributeNames=list(attributes)
        )
    )


@check
def version_1_has_all_its_operations(api):
    v1, at = api.v1, {"ConfigurationSetName": "old"}
    same(bare(v1.create_configuration_set(ConfigurationSet={"Name": "old"})), {})
    same(bare(v1.list_configuration_sets()), {"ConfigurationSets": [{"Name": "old"}]})
    same(bare(v1.describe_configuration_set(**at)), {"ConfigurationSet": {"Name": "old"}})
    dimensions = [
        v1_dimension(source, source, "a.b@c-d") for source in ("messageTag", "emailHeader", "linkTag")
    ]
    made = [
        v1_destination("cloudwatch", cloudwatch(*dimensions), V1_TYPES, Enabled=True),
        v1_destination("topic", V1_SNS, Enabled=False),
        v1_destination("stream", V1_FIREHOSE, Enabled=True),
    ]
    for one in made:
        same(bare(v1.create_configuration_set_event_destination(**at, EventDestination=one)), {})
    made[0]["MatchingEventTypes"].sort()
    same(described(api, "old", "eventDestinations")["EventDestinations"], made)
    made[0] = v1_destination("cloudwatch", V1_SNS, ["open"])
    same(bare(v1.update_configuration_set_event_destination(**at, EventDestination=made[0])), {})
    made[0]["Enabled"] = False
    same(described(api, "old", "eventDestinations")["EventDestinations"], made)
    same(bare(v1.delete_configuration_set_event_destination(**at, EventDestinationName="topic")), {})
    same(described(api, "old", "eventDestinations")["EventDestinations"], [made[0], made[2]])
    same(bare(v1.delete_configuration_set(**at)), {})
    same(bare(v1.list_configuration_sets()), {"ConfigurationSets": []})


@check
def version_1_describes_what_it_is_asked_for(api):
    make_set(api, "full", **{**OPTIONS, "ReputationOptions": {"ReputationMetricsEnabled": True}})
    expected = {
        "ConfigurationSet": {"Name": "full"},
        "EventDestinations": [],
        "TrackingOptions": {"CustomRedirectDomain": "t.example.com"},
        "DeliveryOptions": {"TlsPolicy": "Require"},
        "ReputationOptions": {"SendingEnabled": False, "ReputationMetricsEnabled": True},
    }
    for attribute in DESCRIBED:
        member = attribute[0].upper() + attribute[1:]
        found = described(api, "full", attribute)
        same(found, {"ConfigurationSet": {"Name": "full"}, member: expected[member]}, attribute)
    same(described(api, "full", *DESCRIBED), expected)


@check
def version_1_changes_single_options(api):
    v1, at, raised = api.v1, {"ConfigurationSetName": "old"}, api.v1.exceptions
    make_set(api, "old", DeliveryOptions={"SendingPoolName": "pool"})
    first = {**at, "TrackingOptions": {"CustomRedirectDomain": "a.example.com"}}
    second = {**at, "TrackingOptions": {"CustomRedirectDomain": "b.example.com"}}
    none = raised.TrackingOptionsDoesNotExistException
    refused(none, re.compile("<old>"), v1.update_configuration_set_tracking_options, **first)
    refused(none, re.compile("<old>"), v1.delete_configuration_set_tracking_options, **at)
    same(bare(v1.create_configuration_set_tracking_options(**first)), {})
    known = raised.TrackingOptionsAlreadyExistsException
    refused(known, re.compile("<old>"), v1.create_configuration_set_tracking_options, **second)
    same(described(api, "old", "trackingOptions")["TrackingOptions"], first["TrackingOptions"])
    same(bare(v1.update_configuration_set_tracking_options(**second)), {})
    same(described(api, "old", "trackingOptions")["TrackingOptions"], second["TrackingOptions"])
    same(bare(v1.delete_configuration_set_tracking_options(**at)), {})
    same(described(api, "old", "trackingOptions"), {"ConfigurationSet": {"Name": "old"}})
    policy = {"DeliveryOptions": {"TlsPolicy": "Require"}}
    same(bare(v1.put_configuration_set_delivery_options(**at, **policy)), {})
    same(described(api, "old", "deliveryOptions")["DeliveryOptions"], policy["DeliveryOptions"])
    for enabled in (False, True):
        same(bare(v1.update_configuration_set_sending_enabled(**at, Enabled=enabled)), {})
        same(bare(v1.update_configuration_set_reputation_metrics_enabled(**at, Enabled=not enabled)), {})
        expected = {"SendingEnabled": enabled, "ReputationMetricsEnabled": not enabled}
        same(described(api, "old", "reputationOptions")["ReputationOptions"], expected)
    found = bare(api.v2.get_configuration_set(**at))
    delivery = {"TlsPolicy": "REQUIRE", "SendingPoolName": "pool"}
    same(found, untold("old", DeliveryOptions=delivery, **NO_METRICS))
    same(bare(v1.put_configuration_set_delivery_options(**at)), {})
    same(described(api, "old", "deliveryOptions"), {"ConfigurationSet": {"Name": "old"}})
    same(bare(api.v2.get_configuration_set(**at)), untold("old", **NO_METRICS))
    for domain in ("", " ", None):
        for call in (v1.create_configuration_set_tracking_options, v1.update_configuration_set_tracking_options):
            options = {"CustomRedirectDomain": domain} if domain is not None else {}
            refused(ANY_CODE, re.compile("rackingOptions|CustomRedirectDomain"), call, **at, TrackingOptions=options)
    same(bare(api.v2.get_configuration_set(**at)), untold("old", **NO_METRICS))


@check
def version_1_describes_a_fresh_start(api):
    make_set(api, "fresh", ReputationOptions=OPTIONS["ReputationOptions"])
    found = described(api, "fresh", "reputationOptions")["ReputationOptions"]
    same(found, {"SendingEnabled": True, **OPTIONS["ReputationOptions"]})


@check
def version_1_describes_what_was_never_told(api):
    """Of the version that made the set, only the metrics tell."""
    make_set(api, "new")
    api.v1.create_configuration_set(ConfigurationSet={"Name": "old"})
    for name, metrics in (("new", True), ("old", False)):
        expected = {
            "ConfigurationSet": {"Name": name},
            "EventDestinations": [],
            "ReputationOptions": {"SendingEnabled": True, "ReputationMetricsEnabled": metrics},
        }
        same(described(api, name, *DESCRIBED), expected)
        reputation = {"ReputationOptions": {"ReputationMetricsEnabled": metrics}}
        found = bare(api.v2.get_configuration_set(ConfigurationSetName=name))
        same(found, untold(name, **reputation))


@check
def version_1_lists_by_pages(api):
    names, pages, token = make_page_sets(api), [], {}
    while not pages or token:
        page = bare(api.v1.list_configuration_sets(MaxItems=10, **token))
        pages.append([one["Name"] for one in page["ConfigurationSets"]])
        token = {"NextToken": page["NextToken"]} if "NextToken" in page else {}
        true(len(pages) <= 3, "the pages do not end")
    same(pages, [names[:10], names[10:20], names[20:]])
    refused("ValidationError", re.compile("NextToken"), api.v1.list_configuration_sets, NextToken="!")
    refused("ValidationError", re.compile("MaxItems"), api.v1.list_configuration_sets, MaxItems=-1)
    refused("MalformedInput", re.compile("MaxItems"), api.v1.list_configuration_sets, MaxItems="ten")


@check
def errors_of_version_1_have_their_classes(api):
    v1, raised = api.v1, api.v1.exceptions
    at, none = {"ConfigurationSetName": "old"}, {"ConfigurationSetName": "none"}
    v1.create_configuration_set(ConfigurationSet={"Name": "old"})
    v1.create_configuration_set_event_destination(**at, EventDestination=v1_destination("d"))
    before = api.everything()
    refused(
        raised.ConfigurationSetAlreadyExistsException,
        re.compile("old"),
        v1.create_configuration_set,
        ConfigurationSet={"Name": "old"},
    )
    for name in ("a b", "é", "a" * 65, "*"):
        refused(
            raised.InvalidConfigurationSetException,
            re.compile("onfiguration set name"),
            v1.create_configuration_set,
            ConfigurationSet={"Name": name},
        )
    words = "Configuration set <none> does not exist."
    missing, value = raised.ConfigurationSetDoesNotExistException, v1_destination("d")
    refused(missing, words, v1.describe_configuration_set, **none)
    refused(missing, words, v1.delete_configuration_set, **none)
    refused(missing, words, v1.create_configuration_set_event_destination, **none, EventDestination=value)
    refused(missing, words, v1.update_configuration_set_event_destination, **none, EventDestination=value)
    refused(missing, words, v1.delete_configuration_set_event_destination, **none, EventDestinationName="d")
    create, change = (
        v1.create_configuration_set_event_destination,
        v1.update_configuration_set_event_destination,
    )
    delete = v1.delete_configuration_set_event_destination
    refused(
        raised.EventDestinationAlreadyExistsException,
        re.compile("name <d> already"),
        create,
        **at,
        EventDestination=value,
    )
    missing, value = raised.EventDestinationDoesNotExistException, v1_destination("e")
    refused(missing, re.compile("name <e> does not"), change, **at, EventDestination=value)
    refused(missing, re.compile("name <e> does not"), delete, **at, EventDestinationName="e")
    for call, name in ((create, "e"), (change, "d")):
        for kind, error in [
            (
                {"CloudWatchDestination": {"DimensionConfigurations": []}},
                raised.InvalidCloudWatchDestinationException,
            ),
            (cloudwatch(v1_dimension("a b")), raised.InvalidCloudWatchDestinationException),
            (cloudwatch(v1_dimension(default="é")), raised.InvalidCloudWatchDestinationException),
            (cloudwatch(v1_dimension(), v1_dimension()), raised.InvalidCloudWatchDestinationException),
            ({"SNSDestination": {"TopicARN": "topic"}}, raised.InvalidSNSDestinationException),
            (
                {"KinesisFirehoseDestination": {"IAMRoleARN": ROLE, "DeliveryStreamARN": "s"}},
                raised.InvalidFirehoseDestinationException,
            ),
            (
                {"KinesisFirehoseDestination": {"IAMRoleARN": "r", "DeliveryStreamARN": STREAM}},
                raised.InvalidFirehoseDestinationException,
            ),
        ]:
            refused(error, re.compile("."), call, **at, EventDestination=v1_destination(name, kind))
        refused(
            "ValidationError",
            re.compile("At least one"),
            call,
            **at,
            EventDestination=v1_destination(name, types=[]),
        )
        refused(ANY_CODE, ONE_KIND, call, **at, EventDestination=v1_destination(name, V1_SNS | V1_FIREHOSE))
        refused(
            "ValidationError",
            "Event destination is not provided.",
            call,
            **at,
            EventDestination={"Name": name, "MatchingEventTypes": ["send"]},
        )
    same(api.everything(), before, "what is stored")


@check
def version_1_knows_eight_types(api):
    at = {"ConfigurationSetName": "old"}
    make_set(api, "old")
    for one in ("deliveryDelay", "subscription", "DELIVERY_DELAY"):
        create, value = api.v1.create_configuration_set_event_destination, v1_destination(
            "d", types=["send", one]
        )
        refused(
            "ValidationError", ENUM_FAULT.format(", ".join(V1_TYPES)), create, **at, EventDestination=value
        )
    same(shown(api, "old"), [])


@check
def version_1_says_in_its_own_words_which_types_it_knows(api):
    make_set(api, "old")
    create, value = api.v1.create_configuration_set_event_destination, v1_destination("d", types=["sent"])
    words = ENUM_FAULT.format(", ".join(V1_TYPES))
    refused("ValidationError", words, create, ConfigurationSetName="old", EventDestination=value)


@check
def each_version_sees_what_the_other_made(api):
    api.v1.create_configuration_set(ConfigurationSet={"Name": "old"})
    value = v1_destination("d", cloudwatch(v1_dimension("ses:from-domain")), V1_TYPES, Enabled=True)
    api.v1.create_configuration_set_event_destination(ConfigurationSetName="old", EventDestination=value)
    same(bare(api.v2.get_configuration_set(ConfigurationSetName="old")), untold("old", **NO_METRICS))
    value["MatchingEventTypes"].sort()
    expected = definition(cloudwatch(dimension("ses:from-domain")), sorted(TYPES[:8]), Enabled=True)
    same(shown(api, "old"), [{"Name": "d", **expected}])
    make(api, "old", "new", definition(FIREHOSE, ["RENDERING_FAILURE"]))
    make(api, "old", "bus", definition(EVENT_BRIDGE, ["SEND", "DELIVERY_DELAY"]))
    stream = v1_destination("new", V1_FIREHOSE, ["renderingFailure"], Enabled=False)
    found = described(api, "old", "eventDestinations")["EventDestinations"]
    same(found[:2], [value, stream])
    same((found[2]["Name"], found[2]["MatchingEventTypes"]), ("bus", ["deliveryDelay", "send"]))
    same([one["Name"] for one in bare(api.v1.list_configuration_sets())["ConfigurationSets"]], ["old"])
    api.v1.delete_configuration_set_event_destination(ConfigurationSetName="old", EventDestinationName="bus")
    same([one["Name"] for one in shown(api, "old")], ["d", "new"])
    # What version 1 cannot say stays as version 2 said it.
    put = api.v2.put_configuration_set_tracking_options
    put(ConfigurationSetName="old", CustomRedirectDomain="t.example.com", HttpsPolicy="REQUIRE")
    api.v1.update_configuration_set_event_destination(ConfigurationSetName="old", EventDestination=value)
    tracking = api.v2.get_configuration_set(ConfigurationSetName="old")["TrackingOptions"]
    same(tracking, {"CustomRedirectDomain": "t.example.com", "HttpsPolicy": "REQUIRE"})


@check
def answers_of_version_1_have_no_element_that_the_model_lacks(api):
    make_set(api, "shapes", **OPTIONS)
    for at, kind in enumerate([SNS, cloudwatch(), FIREHOSE]):
        make(api, "shapes", f"d{at}", definition(kind, TYPES[:8]))
    model = api.v1.meta.service_model

    def unknown(shape, element, path):
        children = [(one.tag.rpartition("}")[2], one) for one in element]
        for name, child in children:
            inner = shape.member if shape.type_name == "list" else getattr(shape, "members", {}).get(name)
            if inner is None or (shape.type_name == "list" and name != "member"):
                yield f"{path}/{name}"
            else:
                yield from unknown(inner, child, f"{path}/{name}")

    describe = {"Action": "DescribeConfigurationSet", "ConfigurationSetName": "shapes"}
    describe |= {f"ConfigurationSetAttributeNames.member.{at}": one for at, one in enumerate(DESCRIBED, 1)}
    for form in (describe, {"Action": "ListConfigurationSets"}):
        answer = api.ask("POST", "/", urlencode(form).encode())
        same((answer.status, answer.headers["content-type"]), (200, "text/xml"))
        root, action = ElementTree.fromstring(answer.body), form["Action"]
        result = root.find(f"{{*}}{action}Result")
        same(list(unknown(model.operation_model(action).output_shape, result, action)), [])
        true(root.findtext("{*}ResponseMetadata/{*}RequestId"), "an answer without a request id")
