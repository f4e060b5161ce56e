"""Event destinations, by version 2."""

import re
import threading

from .support import (
    ENUM_FAULT,
    EVENT_BRIDGE,
    FIREHOSE,
    NO_DIMENSIONS,
    ONE_KIND,
    OPTIONS,
    PATIENCE,
    PINPOINT,
    SNS,
    SOURCES,
    TYPES,
    bare,
    check,
    client,
    cloudwatch,
    definition,
    dimension,
    make,
    make_set,
    refused,
    same,
    shown,
    unknown_members,
    update,
)
from .version1 import v1_destination


@check
def every_kind_of_destination_is_given_back_in_the_order_of_creation(api):
    make_set(api, "kinds")
    kinds = [SNS, cloudwatch(), PINPOINT, EVENT_BRIDGE, FIREHOSE]
    made = [(f"z{9 - at}", definition(kind, Enabled=True)) for at, kind in enumerate(kinds)]
    for name, value in made:
        make(api, "kinds", name, value)
    same(shown(api, "kinds"), [{"Name": name, **value} for name, value in made])
    # Only what is new differs, and it stays where it was.
    name, value = made[1]
    value = definition(EVENT_BRIDGE, types=["CLICK", "OPEN"], Enabled=False)
    update(api, "kinds", name, value)
    made[1] = (name, value)
    same(shown(api, "kinds"), [{"Name": name, **value} for name, value in made])
    delete = api.v2.delete_configuration_set_event_destination
    same(bare(delete(ConfigurationSetName="kinds", EventDestinationName=made[0][0])), {})
    same(shown(api, "kinds"), [{"Name": name, **value} for name, value in made[1:]])


@check
def all_types_and_value_sources_are_given_back(api):
    make_set(api, "types")
    dimensions = [dimension(f"d-{source.lower()}", source, "a.b@c-d_E1") for source in SOURCES]
    make(api, "types", "all", definition(cloudwatch(*dimensions), types=TYPES, Enabled=True))
    expected = definition(cloudwatch(*dimensions), types=sorted(TYPES), Enabled=True)
    same(shown(api, "types"), [{"Name": "all", **expected}], "types in the order of their names")
    for one in TYPES:
        update(api, "types", "all", definition(types=[one, one]))
        same(shown(api, "types")[0]["MatchingEventTypes"], [one], "a type that is given twice")


@check
def a_destination_is_not_enabled_unless_it_says_so(api):
    make_set(api, "enabled")
    make(api, "enabled", "d", definition())
    same(shown(api, "enabled"), [{"Name": "d", "Enabled": False, **definition()}])
    update(api, "enabled", "d", definition(Enabled=True))
    same(shown(api, "enabled")[0]["Enabled"], True)
    update(api, "enabled", "d", definition())
    same(shown(api, "enabled")[0]["Enabled"], False, "after an update that leaves it out")


@check
def answers_have_no_member_that_the_model_lacks(api):
    make_set(api, "shapes", **OPTIONS)
    make_set(api, "untold")
    kinds = [SNS, cloudwatch(*(dimension(f"d{at}", one) for at, one in enumerate(SOURCES))), PINPOINT]
    for at, kind in enumerate([*kinds, EVENT_BRIDGE, FIREHOSE]):
        make(api, "shapes", f"d{at}", definition(kind, TYPES[:8]))
    extensions = {"Namespace": "Own/Metrics", "OnInvalidValue": "SANITIZE"}
    own = "/postmeter/v1/configuration-sets/shapes"
    same(api.ask("PUT", own, {"Namespace": "Mail"}).status, 200)
    same(api.ask("PUT", f"{own}/event-destinations/d1", extensions).status, 200)
    model = api.v2.meta.service_model
    for operation, method, path in [
        ("GetConfigurationSet", "GET", "configuration-sets/shapes"),
        ("GetConfigurationSet", "GET", "configuration-sets/untold"),
        ("GetConfigurationSetEventDestinations", "GET", "configuration-sets/shapes/event-destinations"),
        ("ListConfigurationSets", "POST", "list-configuration-sets"),
        ("ListConfigurationSets", "GET", "configuration-sets?PageSize=1"),
    ]:
        answer = api.ask(method, f"/v2/email/{path}")
        same((answer.status, answer.headers["content-type"]), (200, "application/json"), path)
        shape = model.operation_model(operation).output_shape
        same(list(unknown_members(shape, answer.json())), [], path)


@check
def what_a_destination_lacks_or_has_too_much_of_is_said_in_the_words_of_ses(api):
    make_set(api, "words")
    bad = api.v2.exceptions.BadRequestException
    create, at = api.v2.create_configuration_set_event_destination, {"ConfigurationSetName": "words"}
    name_fault = (
        "Invalid event destination name <{}>: only alphanumeric ASCII characters, '_', and '-' are allowed."
    )
    kindless = {"MatchingEventTypes": ["SEND"]}
    cases = [("a" * 65, definition(), "Event destination name cannot exceed 64 characters.")]
    cases += [
        (name, definition(), name_fault.format(name)) for name in ("a b", "ä", "a.b", "a:b", "a/b", "", "☃")
    ]
    cases += [
        ("d", definition(types=[]), "At least one event type must be specified."),
        ("d", cloudwatch(), "At least one event type must be specified."),
        ("d", definition(types=["SENT"]), ENUM_FAULT.format(", ".join(TYPES))),
        ("d", kindless, "Event destination is not provided."),
        ("d", definition(cloudwatch() | SNS), ONE_KIND),
        ("d", definition(FIREHOSE | EVENT_BRIDGE | PINPOINT), ONE_KIND),
        ("d", definition({"CloudWatchDestination": {"DimensionConfigurations": []}}), NO_DIMENSIONS),
        (
            "d",
            definition({"PinpointDestination": {"ApplicationArn": "mine"}}),
            "Invalid Pinpoint application ARN provided: mine.",
        ),
    ]
    for name, value, words in cases:
        refused(bad, words, create, **at, EventDestinationName=name, EventDestination=value)
    same(shown(api, "words"), [])
    make(api, "words", "d", definition())
    before = api.everything()
    known, missing = api.v2.exceptions.AlreadyExistsException, api.v2.exceptions.NotFoundException
    words = "An event destination with name <d> already exists for configuration set <words>."
    refused(known, words, create, **at, EventDestinationName="d", EventDestination=definition(SNS))
    words = "An event destination with name <e> does not exist for configuration set <words>."
    change, delete = (
        api.v2.update_configuration_set_event_destination,
        api.v2.delete_configuration_set_event_destination,
    )
    refused(missing, words, change, 404, **at, EventDestinationName="e", EventDestination=definition())
    refused(missing, words, delete, 404, **at, EventDestinationName="e")
    for name, value, words in cases:
        # An empty name is another path.
        if name:
            refused(bad, words, change, **at, EventDestinationName=name, EventDestination=value)
    for name in ("a b", "ä"):
        refused(bad, name_fault.format(name), delete, **at, EventDestinationName=name)
    # Names are looked at before the set is looked for.
    refused(
        bad,
        name_fault.format("a b"),
        create,
        ConfigurationSetName="none",
        EventDestinationName="a b",
        EventDestination=definition(),
    )
    same(api.everything(), before, "what is stored")


@check
def a_set_has_ten_destinations_at_most(api):
    make_set(api, "limit")
    for at in range(10):
        make(api, "limit", f"d{at}", definition())
    limit, create = (
        api.v2.exceptions.LimitExceededException,
        api.v2.create_configuration_set_event_destination,
    )
    arguments = {"ConfigurationSetName": "limit", "EventDestination": definition()}
    words = re.compile("limit.* 10 event destinations")
    refused(limit, words, create, EventDestinationName="d10", **arguments)
    limit = api.v1.exceptions.LimitExceededException
    refused(
        limit,
        words,
        api.v1.create_configuration_set_event_destination,
        ConfigurationSetName="limit",
        EventDestination=v1_destination("d10"),
    )
    same([one["Name"] for one in shown(api, "limit")], [f"d{at}" for at in range(10)])
    update(api, "limit", "d9", definition(SNS))
    api.v2.delete_configuration_set_event_destination(ConfigurationSetName="limit", EventDestinationName="d0")
    make(api, "limit", "d10", definition())


@check
def of_many_who_create_the_same_one_does(api):
    make_set(api, "race")
    outcomes, start = [], threading.Barrier(8)

    def create(at):
        own = client("sesv2", api.key, api.url)
        value = definition(cloudwatch(dimension(f"d{at}")))
        start.wait(PATIENCE)
        try:
            own.create_configuration_set_event_destination(
                ConfigurationSetName="race", EventDestinationName="d", EventDestination=value
            )
            outcomes.append(f"d{at}")
        except own.exceptions.AlreadyExistsException:
            outcomes.append(None)

    threads = [threading.Thread(target=create, args=[at], daemon=True) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    winners = [name for name in outcomes if name]
    same((len(outcomes), len(winners)), (8, 1), "who answered, who created")
    same(
        shown(api, "race"), [{"Name": "d", "Enabled": False, **definition(cloudwatch(dimension(winners[0])))}]
    )
