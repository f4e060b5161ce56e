"""What nobody should send: refused with a short answer, and nothing is stored."""

import json
import re
import socket
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree

from .support import (
    PATIENCE,
    SHORT_ANSWER,
    SNS,
    TOPIC,
    bare,
    brief,
    check,
    client,
    cloudwatch,
    definition,
    dimension,
    listed,
    make,
    make_set,
    refused,
    same,
    shown,
    true,
    untold,
)


@check
def operations_on_anything_else_are_unknown(api):
    words = re.compile("does not support this operation")
    refused("UnknownOperationException", words, api.v2.list_contact_lists, 404)
    refused("UnknownOperationException", words, api.v2.send_email, 404, Content={})
    refused("InvalidAction", re.compile("ListTemplates"), api.v1.list_templates)
    refused("InvalidAction", re.compile("GetSendQuota"), api.v1.get_send_quota)
    make_set(api, "there")
    before = api.everything()
    for method, path in [
        ("PUT", "/v2/email/configuration-sets"),
        ("POST", "/v2/email/configuration-sets/there"),
        ("PATCH", "/v2/email/configuration-sets/there"),
        ("PUT", "/v2/email/configuration-sets/there/other-options"),
        ("DELETE", "/v2/email/configuration-sets/there/event-destinations"),
        ("GET", "/v2/email/configuration-sets/there/event-destinations/d"),
        ("GET", "/v2/email/configuration-sets/there/event-destinations/d/more"),
        ("DELETE", "/v2/email/configuration-sets"),
        ("GET", "/v2/email/"),
        ("GET", "/v2/email"),
        ("GET", "/v3/email/configuration-sets"),
        ("GET", "/metrics"),
        ("GET", "/postmeter/v1/"),
        ("DELETE", "/postmeter/v1/configuration-sets/there"),
        ("GET", "/postmeter/v1/configuration-sets/there/event-destinations"),
        ("GET", "/postmeter/v2/configuration-sets/there"),
    ]:
        answer = api.ask(method, path)
        same((answer.status, answer.code()), (404, "UnknownOperationException"), f"{method} {path}")
    same(api.everything(), before, "what is stored")


@check
def a_body_that_is_too_large_is_refused(api):
    for path, code, stranger in (
        (
            "/v2/email/configuration-sets",
            "RequestEntityTooLargeException",
            "MissingAuthenticationTokenException",
        ),
        ("/", "RequestEntityTooLarge", "MissingAuthenticationToken"),
    ):
        for body in (b"a" * 2 * 1024 * 1024, b"a" * (1024 * 1024 + 1)):
            headers = api.sign("POST", path, body)
            answer = api.send("POST", path, body, headers)
            same((answer.status, answer.code()), (413, code), path)
            # Nobody reads what strangers send.
            answer = api.send("POST", path, body)
            same((answer.status, answer.code()), (403, stranger), path)
    same(listed(api), {"ConfigurationSets": []})


@check
def strangers_keep_nobody_waiting(api):
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"
    address = urlsplit(api.url)
    strangers = []
    try:
        # As many as are let in at once, each with a body that does not end.
        for _ in range(64):
            strangers.append(socket.create_connection((address.hostname, address.port), PATIENCE))
            strangers[-1].sendall(head)
        # They are not let in in a moment; ask often enough to find them all there.
        for _ in range(50):
            same(listed(api), {"ConfigurationSets": []})
    finally:
        for stranger in strangers:
            stranger.close()
        # Until it is noticed that they are gone.
        patient = client("sesv2", api.key, api.url, mode="standard", total_max_attempts=9)
        patient.list_configuration_sets()


@check
def slow_bodies_under_a_known_key_keep_nobody_waiting(api):
    """A key id is no secret: whoever knows one may claim it until the body has arrived."""
    signed = api.sign("POST", "/v2/email/configuration-sets", b"x" * 5000)
    lines = [f"{name}: {value}\r\n" for name, value in {**signed, "Content-Length": "5000"}.items()]
    address = urlsplit(api.url)
    host = f"Host: {address.netloc}\r\n"
    head = f"POST /v2/email/configuration-sets HTTP/1.1\r\n{host}{''.join(lines)}\r\n{{".encode()
    slow = []
    try:
        for _ in range(64):
            slow.append(socket.create_connection((address.hostname, address.port), PATIENCE))
            slow[-1].sendall(head)
        for at in range(20):
            make_set(api, f"beside-{at}")
        same(len(listed(api)["ConfigurationSets"]), 20)
    finally:
        for one in slow:
            one.close()


@check
def changes_by_get_are_refused(api):
    """A link or an image on a web page sends GET."""
    make_set(api, "there")
    before = api.everything()
    for action in (
        "Action=DeleteConfigurationSet&ConfigurationSetName=there",
        "Action=CreateConfigurationSet&ConfigurationSet.Name=new",
        "Action=UpdateConfigurationSetSendingEnabled&ConfigurationSetName=there&Enabled=false",
        "Action=DeleteConfigurationSetTrackingOptions&ConfigurationSetName=there",
    ):
        for method in ("GET", "PUT", "DELETE", "OPTIONS"):
            answer = api.ask(method, f"/?{action}&Version=2010-12-01")
            same((answer.status, answer.code()), (405, "MethodNotAllowed"), f"{method} {action}")
            same(answer.headers["allow"], "POST")
    same(api.everything(), before, "what is stored")
    same(api.ask("GET", "/?Action=ListConfigurationSets&Version=2010-12-01").status, 200)


def refused_shortly(api, method, path, body=b"", status=range(400, 500)):
    answer = api.ask(method, path, body)
    what = f"{method} {path[:80]} {brief(body[:200])}"
    true(answer.status in status, f"{what}: {answer}")
    true(len(answer.body) < SHORT_ANSWER, f"{what}: an answer of {len(answer.body)} bytes")
    if answer.body and answer.headers.get("content-type") == "text/xml":
        ElementTree.fromstring(answer.body)
    return answer


@check
def odd_names_are_refused_shortly(api):
    make_set(api, "there")
    make(api, "there", "d", definition())
    before = api.everything()
    names = [
        "../x",
        "..",
        ".",
        "a/../b",
        "%2F",
        "%2e%2e",
        "a\x00b",
        "\x00",
        "\x01\x1f",
        "a\r\nX-Injected: 1",
        "\u202e",
        "\ufffe",
        "\x7f",
        "\x85",
        "x" * 1_000_000,
        "é" * 300_000,
        "there ",
        " there",
        "there\n",
        "<there>",
        "&amp;",
        "'",
        '"',
    ]
    for name in names:
        refused_shortly(
            api, "POST", "/v2/email/configuration-sets", json.dumps({"ConfigurationSetName": name}).encode()
        )
        value = {"EventDestinationName": name, "EventDestination": definition()}
        path = "/v2/email/configuration-sets/there/event-destinations"
        refused_shortly(api, "POST", path, json.dumps(value).encode())
        form = {"Action": "CreateConfigurationSet", "ConfigurationSet.Name": name}
        refused_shortly(api, "POST", "/", urlencode(form).encode()[: 1024 * 1024])
        form = {"Action": "DescribeConfigurationSet", "ConfigurationSetName": name}
        refused_shortly(api, "POST", "/", urlencode(form).encode()[: 1024 * 1024])
        refused_shortly(api, "POST", "/", urlencode({"Action": name}).encode()[: 1024 * 1024])
        segment = quote(name[:10_000], safe="")
        for method in ("GET", "DELETE"):
            refused_shortly(api, method, f"/v2/email/configuration-sets/{segment}")
        refused_shortly(api, "DELETE", f"{path}/{segment}")
        refused_shortly(
            api, "PUT", f"{path}/{segment}", json.dumps({"EventDestination": definition()}).encode()
        )
        refused_shortly(api, "PUT", f"/postmeter/v1/configuration-sets/{segment}", b'{"Namespace":"x"}')
    same(api.everything(), before, "what is stored")


@check
def odd_paths_are_refused_shortly(api):
    make_set(api, "there")
    before = api.everything()
    for path in (
        "/v2/email/configuration-sets/../configuration-sets/there",
        "/v2/email/x/../configuration-sets/there",
        "/v2/email/configuration-sets/./there",
        "/v2/email/configuration-sets//there",
        "//v2/email/configuration-sets/there",
        "/v2/email/configuration-sets/there/",
        "/v2/email/configuration-sets%2Fthere",
        "/v2/email/configuration-sets/%FF",
        "/v2/email/configuration-sets/%",
        "/v2/email/configuration-sets/%zz",
        "/v2/email/configuration-sets/there%00",
        "/v2/email/configuration-sets/there;x",
        "/V2/email/configuration-sets/there",
        f"/v2/email/configuration-sets/{'x' * 60_000}",
        f"/v2/email/configuration-sets/{'/x' * 20_000}",
    ):
        refused_shortly(api, "DELETE", path)
    same(api.everything(), before, "what is stored")


# Of these the JSON is sound, and so are the types of what it says.
BAD_VALUES = (
    "no name",
    "no body",
    "name is null",
    "the same key twice",
    "the same key twice within",
    "the same key twice, escaped",
    "the same key twice, unknown",
    "a negative number",
)
# A body each: what is wrong with it, and the body.
BROKEN = {
    "not JSON": b"ConfigurationSetName=x",
    "half": b'{"ConfigurationSetName":"x"',
    "a comma too many": b'{"ConfigurationSetName":"x",}',
    "a comment": b'{"ConfigurationSetName":"x"/**/}',
    "single quotes": b"{'ConfigurationSetName':'x'}",
    "two values": b'{"ConfigurationSetName":"x"}{}',
    "a list": b'[{"ConfigurationSetName":"x"}]',
    "a text": b'"x"',
    "a number": b"1",
    "null": b"null",
    "no name": b"{}",
    "no body": b"",
    "name is null": b'{"ConfigurationSetName":null}',
    "name is a list": b'{"ConfigurationSetName":["x"]}',
    "name is an object": b'{"ConfigurationSetName":{"x":"x"}}',
    "name is a number": b'{"ConfigurationSetName":1}',
    "the same key twice": b'{"ConfigurationSetName":"x","ConfigurationSetName":"y"}',
    "the same key twice within": b'{"ConfigurationSetName":"x","SendingOptions":{"SendingEnabled":true,"SendingEnabled":false}}',
    "the same key twice, escaped": b'{"ConfigurationSetName":"x","Configuration\\u0053etName":"y"}',
    "the same key twice, unknown": b'{"ConfigurationSetName":"x","Other":1,"Other":2}',
    "deep lists": b'{"ConfigurationSetName":"x","Tags":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"ConfigurationSetName":"x","Other":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,
    "deep and open": b"[" * 500_000,
    "no UTF-8": b'{"ConfigurationSetName":"x","Tags":[{"Key":"\xff","Value":""}]}',
    "half a surrogate pair": b'{"ConfigurationSetName":"x","Tags":[{"Key":"\\ud800","Value":""}]}',
    "a raw NUL": b'{"ConfigurationSetName":"x\x00"}',
    "a byte order mark": b'\xef\xbb\xbf{"ConfigurationSetName":"x y"}',
    "NaN": b'{"ConfigurationSetName":"x","DeliveryOptions":{"MaxDeliverySeconds":NaN}}',
    "a huge number": b'{"ConfigurationSetName":"x","DeliveryOptions":{"MaxDeliverySeconds":1e999}}',
    "a long number": b'{"ConfigurationSetName":"x","DeliveryOptions":{"MaxDeliverySeconds":'
    + b"9" * 100_000
    + b"}}",
    "a negative number": b'{"ConfigurationSetName":"x","DeliveryOptions":{"MaxDeliverySeconds":-300}}',
    "many faults": b'{"ConfigurationSetName":"","Tags":[' + b",".join([b"1"] * 100_000) + b"]}",
    "a long unknown option": b'{"ConfigurationSetName":"x","SendingOptions":{"SendingEnabled":"'
    + b"y" * 1_000_000
    + b'"}}',
}


@check
def bodies_that_are_broken_are_refused_shortly(api):
    make_set(api, "there")
    make(api, "there", "d", definition())
    before = api.everything()
    for name, body in BROKEN.items():
        answer = api.ask("POST", "/v2/email/configuration-sets", body)
        code = "BadRequestException" if name in BAD_VALUES else "SerializationException"
        same((answer.status, answer.code()), (400, code), name)
        true(len(answer.body) < SHORT_ANSWER, f"{name}: an answer of {len(answer.body)} bytes")
        path = "/v2/email/configuration-sets/there/event-destinations"
        refused_shortly(api, "POST", path, body)
        refused_shortly(api, "PUT", f"{path}/d", body)
        same(api.everything(), before, f"what is stored after {name}")


@check
def definitions_that_are_broken_are_refused_shortly(api):
    make_set(api, "there")
    before = api.everything()
    good = json.dumps({"EventDestinationName": "d", "EventDestination": definition(Enabled=True)})
    dimensions = [dimension(f"d{at}") for at in range(5000)]
    for body in (
        good.replace('"Enabled": true', '"Enabled": true, "Enabled": false'),
        good.replace('["SEND"]', '["SEND", "' + "x" * 900_000 + '"]'),
        good.replace('["SEND"]', json.dumps(["x"] * 100_000)),
        good.replace('["SEND"]', "[null]"),
        good.replace("campaign", "x" * 900_000),
        good.replace("none", "é" * 400_000),
        good.replace("MESSAGE_TAG", "x" * 900_000),
        json.dumps({"EventDestinationName": "d", "EventDestination": definition(cloudwatch(*dimensions))}),
        json.dumps(
            {
                "EventDestinationName": "d",
                "EventDestination": definition({"SnsDestination": {"TopicArn": TOPIC * 20_000}}),
            }
        ),
        json.dumps(
            {
                "EventDestinationName": "d",
                "EventDestination": definition({"PinpointDestination": {"ApplicationArn": "x" * 900_000}}),
            }
        ),
        json.dumps({"EventDestinationName": "d"}),
        json.dumps({"EventDestinationName": "d", "EventDestination": {}}),
        json.dumps({"EventDestination": definition()}),
        json.dumps({"Name": "d", **definition()}),
    ):
        true(body != good, "a body that is not broken")
        path = "/v2/email/configuration-sets/there/event-destinations"
        answer = refused_shortly(api, "POST", path, body.encode())
        same((answer.status, answer.code()), (400, "BadRequestException"), brief(body[:200]))
    for wrong in (
        good.replace('"Enabled": true', '"Enabled": "true"'),
        good.replace('"Enabled": true', '"Enabled": 1'),
        good.replace('"Enabled": true', '"Enabled": null'),
        good.replace('["SEND"]', '"SEND"'),
        good.replace('["SEND"]', '["SEND", 1]'),
        good.replace('"campaign"', "5"),
        good.replace('"none"', "[]"),
        json.dumps({"EventDestinationName": "d", "EventDestination": []}),
        json.dumps({"EventDestinationName": 5, "EventDestination": definition()}),
    ):
        true(wrong != good, "a body that is not broken")
        answer = refused_shortly(api, "POST", path, wrong.encode())
        same((answer.status, answer.code()), (400, "SerializationException"), brief(wrong[:200]))
    same(api.everything(), before, "what is stored")
    answer = api.ask("POST", "/v2/email/configuration-sets/there/event-destinations", good.encode())
    same(answer.status, 200, f"the body before it was broken: {answer}")


@check
def options_that_are_broken_are_refused_shortly(api):
    make_set(api, "there", SendingOptions={"SendingEnabled": False})
    before = api.everything()
    path = "/v2/email/configuration-sets/there/sending"
    for body in (
        b"[]",
        b"1",
        b'"x"',
        b"{",
        b'{"SendingEnabled":true,}',
        b"[" * 500_000,
        b'{"SendingEnabled":{}}',
        b"\xff",
    ):
        answer = refused_shortly(api, "PUT", path, body)
        same((answer.status, answer.code()), (400, "SerializationException"), brief(body[:100]))
        same(api.everything(), before, f"what is stored after {body[:100]}")


@check
def null_is_no_options_and_never_true(api):
    make_set(api, "there", SendingOptions={"SendingEnabled": False})
    before = api.everything()
    sets, there = "/v2/email/configuration-sets", "/v2/email/configuration-sets/there"
    for method, path, body in (
        ("PUT", f"{there}/sending", b"null"),
        ("PUT", f"{there}/sending", {"SendingEnabled": None}),
        ("PUT", f"{there}/reputation-options", {"ReputationMetricsEnabled": None}),
        ("POST", sets, {"ConfigurationSetName": "x", "SendingOptions": {"SendingEnabled": None}}),
        (
            "POST",
            sets,
            {"ConfigurationSetName": "x", "ReputationOptions": {"ReputationMetricsEnabled": None}},
        ),
    ):
        answer = api.ask(method, path, body)
        same((answer.status, answer.code()), (400, "SerializationException"), f"{path} {body}")
    # Where null is no boolean, it says nothing.
    blocks = dict.fromkeys(
        ("SendingOptions", "ReputationOptions", "TrackingOptions", "DeliveryOptions", "VdmOptions", "Tags")
    )
    same(api.ask("POST", sets, {"ConfigurationSetName": "nulls", **blocks}).status, 200)
    same(bare(api.v2.get_configuration_set(ConfigurationSetName="nulls")), untold("nulls"))
    for call, body in (
        ("tracking-options", {"CustomRedirectDomain": None, "HttpsPolicy": None}),
        ("delivery-options", {"TlsPolicy": None, "SendingPoolName": None, "MaxDeliverySeconds": None}),
        ("archiving-options", {"ArchiveArn": None}),
        ("vdm-options", {"VdmOptions": None}),
        ("vdm-options", {"VdmOptions": {"DashboardOptions": None, "GuardianOptions": {}}}),
    ):
        same(api.ask("PUT", f"{sets}/nulls/{call}", body).status, 200, f"{call} {body}")
    same(bare(api.v2.get_configuration_set(ConfigurationSetName="nulls")), untold("nulls"))
    api.v2.delete_configuration_set(ConfigurationSetName="nulls")
    same(api.everything(), before, "what is stored")


@check
def bodies_of_other_calls_that_have_a_key_twice_are_refused(api):
    make_set(api, "there", SendingOptions={"SendingEnabled": False})
    before, arn = api.everything(), b"arn:aws:ses:us-east-1:111122223333:configuration-set/there"
    for method, path, body in [
        ("PUT", "configuration-sets/there/sending", b'{"SendingEnabled":false,"SendingEnabled":true}'),
        ("PUT", "configuration-sets/there/sending", b'{"SendingEnabled":true,"x":1,"x":1}'),
        ("POST", "list-configuration-sets", b'{"PageSize":5,"PageSize":6}'),
        ("POST", "update-configuration-sets", b'{"ConfigurationSetName":"x","ConfigurationSetName":"there"}'),
        ("POST", "tags", b'{"Tags":[],"Tags":[{"Key":"a","Value":"b"}],"ResourceArn":"%s"}' % arn),
    ]:
        answer = api.ask(method, f"/v2/email/{path}", body)
        same((answer.status, answer.code()), (400, "BadRequestException"), repr(body))
    same(api.everything(), before, "what is stored")


@check
def forms_that_are_broken_are_refused_shortly(api):
    make_set(api, "there")
    before = api.everything()
    start = "Action=CreateConfigurationSetEventDestination&ConfigurationSetName=there&EventDestination."
    for form in (
        "",
        "Action=",
        "=&&&=",
        "Action=CreateConfigurationSet",
        "Action=CreateConfigurationSet&ConfigurationSet.Name=",
        "Action=CreateConfigurationSet&ConfigurationSetName=x",
        "Action=%FF",
        "{}",
        f"{start}Name=d",
        f"{start}Name=d&EventDestination.MatchingEventTypes.member.1=send",
        f"{start}Name=d&EventDestination.MatchingEventTypes.member.x=send&EventDestination.SNSDestination.TopicARN={TOPIC}",
        f"{start}Name=d&EventDestination.MatchingEventTypes=send&EventDestination.SNSDestination.TopicARN={TOPIC}",
        f"{start}Name=d&EventDestination.MatchingEventTypes.member.1=send&EventDestination.SNSDestination=x",
        start + "&".join(f"EventDestination.MatchingEventTypes.member.{at}=x" for at in range(15_000)),
        "a" * 1_000_000,
        "&" * 1_000_000,
        "a=b&" * 250_000,
    ):
        answer = refused_shortly(api, "POST", "/", form.encode())
        same(answer.status, 400, brief(form[:200]))
    same(api.everything(), before, "what is stored")


@check
def version_1_enables_by_true_and_false_alone(api):
    make_set(api, "there")
    form = {
        "Action": "CreateConfigurationSetEventDestination",
        "ConfigurationSetName": "there",
        "EventDestination.Name": "d",
        "EventDestination.Enabled": "maybe",
        "EventDestination.MatchingEventTypes.member.1": "send",
        "EventDestination.SNSDestination.TopicARN": TOPIC,
    }
    answer = api.ask("POST", "/", urlencode(form).encode())
    same((answer.status, answer.code()), (400, "MalformedInput"))
    same(shown(api, "there"), [])
    form["EventDestination.Enabled"] = "true"
    same(api.ask("POST", "/", urlencode(form).encode()).status, 200)
    same(shown(api, "there"), [{"Name": "d", **definition(SNS, Enabled=True)}])
