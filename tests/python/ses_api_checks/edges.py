"""Names, dimensions and ARNs at the edges of what SES takes."""

import re

from .support import (
    BUS,
    ROLE,
    SOURCES,
    STREAM,
    TOPIC,
    check,
    cloudwatch,
    definition,
    dimension,
    listed,
    make,
    make_set,
    refused,
    same,
    shown,
)


@check
def names_have_1_to_64_characters_of_ascii(api):
    longest = "aZ0_-".ljust(64, "x")
    make_set(api, longest)
    make(api, longest, longest, definition())
    same([one["Name"] for one in shown(api, longest)], [longest])
    bad, create = api.v2.exceptions.BadRequestException, api.v2.create_configuration_set
    refused(bad, "Configuration set name cannot exceed 64 characters.", create, ConfigurationSetName="a" * 65)
    for name in ("sét", "日本", "a b", "a.b", "*", "a*", "a:b", "a/b", "🎈", "ｆｕｌｌ", ""):
        words = f"Invalid configuration set name <{name}>: only alphanumeric ASCII characters, '_', and '-' are allowed."
        refused(bad, words, create, ConfigurationSetName=name)
    for name in ("sét", "日本", "a b", "a/b", "%2F", "a%b", "~", "a+b"):
        words = f"Configuration set <{name}> does not exist."
        missing = api.v2.exceptions.NotFoundException
        refused(missing, words, api.v2.get_configuration_set, status=404, ConfigurationSetName=name)
    # Case counts.
    make_set(api, longest.upper())
    same(listed(api), {"ConfigurationSets": sorted([longest, longest.upper()])})


@check
def names_are_repeated_as_they_came(api):
    for name in ("a'b", 'a"b', "a\\b"):
        missing, words = api.v2.exceptions.NotFoundException, f"Configuration set <{name}> does not exist."
        refused(missing, words, api.v2.get_configuration_set, status=404, ConfigurationSetName=name)


@check
def dimensions_that_ses_takes_are_given_back(api):
    make_set(api, "dimensions")
    for dimensions in (
        [dimension("n" * 255, default="v" * 255)],
        [dimension("ses:configuration-set"), dimension("ses:from-domain", default="example.com")],
        [dimension("a"), dimension("A"), dimension("a.b@c")],
        [dimension(f"d{at}", SOURCES[at % 3]) for at in range(10)],
        [dimension("X-Campaign", "EMAIL_HEADER"), dimension("Reply-To", "EMAIL_HEADER")],
        # Only headers of these names are refused.
        [dimension(name) for name in ("To", "From", "Received", "CC", "message-id", "Return-Path")],
        [dimension("DKIM-Signature", "LINK_TAG")],
    ):
        make(api, "dimensions", "d", definition(cloudwatch(*dimensions)))
        found = shown(api, "dimensions")[0]["CloudWatchDestination"]["DimensionConfigurations"]
        same(found, dimensions)
        api.v2.delete_configuration_set_event_destination(
            ConfigurationSetName="dimensions", EventDestinationName="d"
        )


@check
def dimensions_that_ses_refuses_are_refused(api):
    make_set(api, "dimensions")
    headers = ("Received", "To", "From", "DKIM-Signature", "CC", "message-id", "Return-Path")
    cases = [[dimension("n" * 256)], [dimension(default="v" * 256)]]
    cases += [[dimension(name)] for name in ("", " ", "a b", "é", "日本", "a/b", ":a", "a\x00", "a\n")]
    cases += [[dimension(default=value)] for value in ("", " ", "two words", "é", "☃", "a:b", "a/b", "a\x7f")]
    cases += [
        [dimension(name, "EMAIL_HEADER")] for one in headers for name in (one, one.lower(), one.upper())
    ]
    cases += [
        [dimension(f"d{at}") for at in range(11)],
        [dimension("a"), dimension("a")],
        [dimension("a"), dimension("b"), dimension("a", "EMAIL_HEADER", "other")],
        [dimension(source="MESSAGE")],
        [{"DimensionName": "a", "DimensionValueSource": "MESSAGE_TAG"}],
        [{"DimensionName": "a", "DefaultDimensionValue": "b"}],
        [{"DimensionValueSource": "MESSAGE_TAG", "DefaultDimensionValue": "b"}],
    ]
    bad, create = api.v2.exceptions.BadRequestException, api.v2.create_configuration_set_event_destination
    for dimensions in cases:
        value = definition(cloudwatch(*dimensions))
        refused(
            bad,
            re.compile("imension|header"),
            create,
            ConfigurationSetName="dimensions",
            EventDestinationName="d",
            EventDestination=value,
        )
    same(shown(api, "dimensions"), [])


@check
def arns_must_be_those_of_their_service(api):
    make_set(api, "arns")
    streams = [
        STREAM,
        STREAM.replace("us-east-1", "cn-north-1").replace("aws:", "aws-cn:"),
        STREAM[: -len("events")] + "s" * 64,
    ]
    topics = [TOPIC, TOPIC[: -len("events")] + "t" * 256]
    busses = [BUS, BUS[: -len("default")] + "own.bus/x_1"]
    kinds = [
        {"KinesisFirehoseDestination": {"IamRoleArn": ROLE, "DeliveryStreamArn": arn}} for arn in streams
    ]
    kinds += [{"SnsDestination": {"TopicArn": arn}} for arn in topics]
    kinds += [{"EventBridgeDestination": {"EventBusArn": arn}} for arn in busses]
    for at, kind in enumerate(kinds):
        make(api, "arns", f"d{at}", definition(kind))
    same(
        [{**one, "Name": None} for one in shown(api, "arns")],
        [{"Name": None, "Enabled": False, **definition(kind)} for kind in kinds],
    )
    before = api.everything()
    wrong = [
        "",
        "x",
        "arn:aws:sns:us-east-1",
        TOPIC + ".fifo",
        TOPIC + " ",
        TOPIC + "\n",
        TOPIC + "é",
        "arn:aws:sns::111122223333:t",
        STREAM.replace("firehose", "kinesis"),
        f"{STREAM}{'s' * 64}",
        f"{TOPIC}{'t' * 256}",
        BUS.replace("event-bus/", "rule/"),
        ROLE,
    ]
    bad, create = api.v2.exceptions.BadRequestException, api.v2.create_configuration_set_event_destination
    for kind, member in [
        ("KinesisFirehoseDestination", "DeliveryStreamArn"),
        ("SnsDestination", "TopicArn"),
        ("EventBridgeDestination", "EventBusArn"),
    ]:
        for arn in wrong:
            value = definition({kind: {member: arn, **({"IamRoleArn": ROLE} if "Stream" in member else {})}})
            refused(
                bad,
                re.compile(member),
                create,
                ConfigurationSetName="arns",
                EventDestinationName="w",
                EventDestination=value,
            )
        refused(
            bad,
            re.compile(member),
            create,
            ConfigurationSetName="arns",
            EventDestinationName="w",
            EventDestination=definition({kind: {}}),
        )
    value = definition({"KinesisFirehoseDestination": {"IamRoleArn": "role", "DeliveryStreamArn": STREAM}})
    refused(
        bad,
        re.compile("IamRoleArn"),
        create,
        ConfigurationSetName="arns",
        EventDestinationName="w",
        EventDestination=value,
    )
    same(api.everything(), before, "what is stored")
