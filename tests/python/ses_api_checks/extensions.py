"""What postmeter has beyond SES."""

import re

from .support import (
    DESCRIBED,
    SHORT_ANSWER,
    SNS,
    bare,
    brief,
    check,
    definition,
    dimension,
    listed,
    make,
    make_set,
    refused,
    same,
    shown,
    true,
    update,
)
from .version1 import described, v1_destination

OWN = "/postmeter/v1/configuration-sets"


def extended(api, path, expected):
    answer = api.ask("GET", path)
    same((answer.status, answer.json()), (200, expected), path)


def extend(api, path, body):
    answer = api.ask("PUT", path, body)
    same((answer.status, answer.json()), (200, {}), f"PUT {path}: {answer}")


@check
def extensions_are_put_shown_and_replaced(api):
    make_set(api, "own")
    make(api, "own", "d", definition())
    at, to = f"{OWN}/own", f"{OWN}/own/event-destinations/d"
    extended(api, at, {"Namespace": None})
    extended(api, to, {"Namespace": None, "OnInvalidValue": "DROP"})
    extend(api, at, {"Namespace": "Mail/Prod"})
    extended(api, at, {"Namespace": "Mail/Prod"})
    for body, expected in [
        (
            {"Namespace": "My/Own", "OnInvalidValue": "SANITIZE"},
            {"Namespace": "My/Own", "OnInvalidValue": "SANITIZE"},
        ),
        ({"OnInvalidValue": "DEFAULT"}, {"Namespace": None, "OnInvalidValue": "DEFAULT"}),
        ({"Namespace": "n" * 255}, {"Namespace": "n" * 255, "OnInvalidValue": "DROP"}),
        ({"Namespace": None}, {"Namespace": None, "OnInvalidValue": "DROP"}),
    ]:
        extend(api, to, body)
        extended(api, to, expected)
    extended(api, at, {"Namespace": "Mail/Prod"})
    extend(api, at, {})
    extended(api, at, {"Namespace": None})


@check
def extensions_are_absent_from_what_ses_answers_and_outlive_what_it_is_told(api):
    make_set(api, "own")
    make(api, "own", "d", definition())
    plain = [
        bare(api.v2.get_configuration_set(ConfigurationSetName="own")),
        shown(api, "own"),
        described(api, "own", *DESCRIBED),
    ]
    at, to = f"{OWN}/own", f"{OWN}/own/event-destinations/d"
    extensions = {"Namespace": "My/Own", "OnInvalidValue": "SANITIZE"}
    extend(api, at, {"Namespace": "Mail/Prod"})
    extend(api, to, extensions)
    same(
        [
            bare(api.v2.get_configuration_set(ConfigurationSetName="own")),
            shown(api, "own"),
            described(api, "own", *DESCRIBED),
        ],
        plain,
    )
    for path in ("own", "own/event-destinations"):
        text = api.ask("GET", f"/v2/email/configuration-sets/{path}").body
        true(b"Namespace" not in text and b"OnInvalidValue" not in text, f"{path}: {text}")
    update(api, "own", "d", definition(types=["OPEN"], Enabled=True))
    extended(api, to, extensions)
    value = v1_destination("d", types=["click"])
    api.v1.update_configuration_set_event_destination(ConfigurationSetName="own", EventDestination=value)
    extended(api, to, extensions)
    api.v2.put_configuration_set_sending_options(ConfigurationSetName="own", SendingEnabled=False)
    extended(api, at, {"Namespace": "Mail/Prod"})
    # In the body of an operation of SES they are what SES takes them for: unknown.
    smuggled = definition(
        {
            "CloudWatchDestination": {
                "DimensionConfigurations": [dimension()],
                "Namespace": "Theirs",
                "OnInvalidValue": "DROP",
            }
        }
    )
    body = {"EventDestination": smuggled}
    same(api.ask("PUT", "/v2/email/configuration-sets/own/event-destinations/d", body).status, 200)
    extended(api, to, extensions)
    # Of another kind, it is another destination.
    update(api, "own", "d", definition(SNS))
    extended(api, to, {})
    update(api, "own", "d", definition())
    extended(api, to, {"Namespace": None, "OnInvalidValue": "DROP"})
    api.v2.delete_configuration_set(ConfigurationSetName="own")
    make_set(api, "own")
    extended(api, at, {"Namespace": None})


@check
def the_set_of_every_other_set_is_made_by_putting_it(api):
    answer = api.ask("GET", f"{OWN}/*")
    same((answer.status, answer.code()), (404, "NotFoundException"))
    make_set(api, "named")
    extend(api, f"{OWN}/*", {})
    extended(api, f"{OWN}/*", {"Namespace": None})
    extend(api, f"{OWN}/%2A", {"Namespace": "Rest"})
    extended(api, f"{OWN}/*", {"Namespace": "Rest"})
    make(api, "*", "d", definition())
    extend(api, f"{OWN}/*/event-destinations/d", {"OnInvalidValue": "DEFAULT"})
    same(shown(api, "*"), [{"Name": "d", "Enabled": False, **definition()}])
    same(listed(api), {"ConfigurationSets": ["named"]})
    same(listed(api, Filter={"CONFIGURATION_SET_NAME_CONTAINS": "*"}), {"ConfigurationSets": []})
    same(api.ask("GET", "/v2/email/configuration-sets").json(), {"ConfigurationSets": ["named"]})
    same(bare(api.v1.list_configuration_sets()), {"ConfigurationSets": [{"Name": "named"}]})
    bad = api.v2.exceptions.BadRequestException
    refused(bad, re.compile("<\\*>"), api.v2.create_configuration_set, ConfigurationSetName="*")
    api.v2.delete_configuration_set(ConfigurationSetName="*")
    same(api.ask("GET", f"{OWN}/*").status, 404)


@check
def wrong_extensions_are_refused(api):
    make_set(api, "own")
    make(api, "own", "d", definition())
    make(api, "own", "topic", definition(SNS))
    at, to = f"{OWN}/own", f"{OWN}/own/event-destinations/d"
    extend(api, at, {"Namespace": "Mail"})
    extend(api, to, {"Namespace": "Mine", "OnInvalidValue": "DEFAULT"})
    before = api.everything()
    for path, body, status, code in [
        (at, {"Other": 1}, 400, "BadRequestException"),
        (at, {"Namespace": "Mail", "OnInvalidValue": "DROP"}, 400, "BadRequestException"),
        (at, {"namespace": "Mail"}, 400, "BadRequestException"),
        (at, {"Namespace": ""}, 400, "BadRequestException"),
        (at, {"Namespace": "AWS/SES"}, 400, "BadRequestException"),
        (at, {"Namespace": "é"}, 400, "BadRequestException"),
        (at, {"Namespace": ":a"}, 400, "BadRequestException"),
        (at, {"Namespace": "n" * 256}, 400, "BadRequestException"),
        (at, {"Namespace": 5}, 400, "SerializationException"),
        (at, [], 400, "SerializationException"),
        (at, b"null", 400, "SerializationException"),
        (at, b"{", 400, "SerializationException"),
        (at, b'{"Namespace":"A","Namespace":"B"}', 400, "BadRequestException"),
        (to, {"OnInvalidValue": "KEEP"}, 400, "BadRequestException"),
        (to, {"OnInvalidValue": None, "Enabled": True}, 400, "BadRequestException"),
        (to, {"Namespace": "x" * 900_000}, 400, "BadRequestException"),
        (to, {"x" * 900_000: 1}, 400, "BadRequestException"),
        (f"{OWN}/own/event-destinations/topic", {"Namespace": "Mine"}, 400, "BadRequestException"),
        (f"{OWN}/own/event-destinations/none", {}, 404, "NotFoundException"),
        (f"{OWN}/none", {}, 404, "NotFoundException"),
        (f"{OWN}/none/event-destinations/d", {}, 404, "NotFoundException"),
    ]:
        answer = api.ask("PUT", path, body)
        same((answer.status, answer.code()), (status, code), f"PUT {path} {brief(body)[:200]}")
        true(len(answer.body) < SHORT_ANSWER, f"an answer of {len(answer.body)} bytes")
    for path in (f"{OWN}/own/event-destinations/none", f"{OWN}/none", f"{OWN}/none/event-destinations/d"):
        answer = api.ask("GET", path)
        same((answer.status, answer.code()), (404, "NotFoundException"), f"GET {path}")
    same(api.everything(), before, "what is stored")
