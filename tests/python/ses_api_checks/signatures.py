"""Who may ask, and how often."""

import datetime
import os
import re

from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from .support import (
    ARCHIVE,
    OPTIONS,
    REGION,
    SHORT_ANSWER,
    SNS,
    Fault,
    bare,
    check,
    client,
    definition,
    listed,
    make,
    make_set,
    refused,
    same,
    shown,
    true,
    untold,
)
from .version1 import V1_SNS, v1_destination

INTRUDER = b'{"ConfigurationSetName":"intruder"}'
OTHER = b'{"ConfigurationSetName":"another1"}'
V1_INTRUDER = b"Action=CreateConfigurationSet&ConfigurationSet.Name=intruder&Version=2010-12-01"
V1_OTHER = V1_INTRUDER.replace(b"intruder", b"another1")


def ago(**time):
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) - datetime.timedelta(**time)


def edited(headers, old, new):
    """The headers with another text in their authorization."""
    changed = {**headers, "Authorization": headers["Authorization"].replace(old, new)}
    true(changed != headers, f"{old} is not in the authorization")
    return changed


def attacks(api, path, body):
    """Names of what is wrong, headers that have it, and the kind of answer."""

    def sign(**how):
        return api.sign("POST", path, body, **how)

    def stranger(id, secret):
        return sign(key=Credentials(id, secret))

    id, secret, signed = api.key.access_key, api.key.secret_key, "SignedHeaders=host;x-amz-date"
    good = sign()
    today = good["X-Amz-Date"][:8]
    return [
        ("unsigned", {}, "unsigned"),
        ("an empty authorization", {**good, "Authorization": ""}, "unsigned"),
        ("wrong secret", stranger(id, secret + "x"), "wrong"),
        ("empty secret", stranger(id, ""), "wrong"),
        ("secret of another key", stranger(id, api.reader.secret_key + "y"), "wrong"),
        ("unknown key", stranger("AKIDNOBODY", secret), "unknown"),
        ("empty key id", edited(good, f"Credential={id}", "Credential="), "unknown"),
        ("key id in other letters", stranger(id.swapcase(), secret), "unknown"),
        ("session token", sign(headers={"X-Amz-Security-Token": "t"}), "unknown"),
        ("10 minutes ago", sign(at=ago(minutes=10)), "wrong"),
        ("a year ago", sign(at=ago(days=365)), "wrong"),
        ("10 minutes ahead", sign(at=ago(minutes=-10)), "wrong"),
        ("date moved", {**good, "X-Amz-Date": f"{today}T000000Z"}, "wrong"),
        ("day of the scope moved", edited(good, f"/{today}/", "/20260101/"), "wrong"),
        ("wrong service", sign(service="s3"), "wrong"),
        ("service moved", edited(good, "/ses/", "/email/"), "wrong"),
        ("region moved", edited(good, f"/{REGION}/", "/eu-west-1/"), "wrong"),
        (
            "header added",
            edited({**good, "Content-Type": "x"}, signed, signed.replace("=", "=content-type;")),
            "wrong",
        ),
        ("date not signed", edited(good, signed, "SignedHeaders=host"), "wrong"),
        ("host not signed", edited(good, signed, "SignedHeaders=x-amz-date"), "wrong"),
        (
            "one header signed 2000 times",
            edited(good, signed, f"SignedHeaders={'host;' * 2000}x-amz-date"),
            "incomplete",
        ),
        (
            "51 headers signed",
            edited(good, signed, f"SignedHeaders=host;{';'.join(f'x-a{at}' for at in range(10, 59))};x-amz-date"),
            "incomplete",
        ),
        ("headers in upper case", edited(good, signed, "SignedHeaders=Host;X-Amz-Date"), "incomplete"),
        ("headers not sorted", edited(good, signed, "SignedHeaders=x-amz-date;host"), "incomplete"),
        ("no headers signed", edited(good, signed, "SignedHeaders="), "wrong"),
        ("a header that is not sent", edited(good, signed, "SignedHeaders=host;x-absent;x-amz-date"), "wrong"),
        ("host moved", {**good, "Host": "email.us-east-1.amazonaws.com"}, "wrong"),
        ("signature cut", {**good, "Authorization": good["Authorization"][:-1]}, "wrong"),
        ("signature empty", {**good, "Authorization": good["Authorization"][:-64]}, "wrong"),
        ("signature of another method", api.sign("PUT", path, body), "wrong"),
        ("signature of another path", api.sign("POST", path + "/more", body), "wrong"),
        ("signature of another query", api.sign("POST", path + "?a=b", body), "wrong"),
        ("no date", {**good, "X-Amz-Date": ""}, "incomplete"),
        ("a date that is none", {**good, "X-Amz-Date": "yesterday"}, "incomplete"),
        (
            "no signature",
            {**good, "Authorization": good["Authorization"].split(", Signature")[0]},
            "incomplete",
        ),
        ("short scope", edited(good, "/aws4_request", ""), "incomplete"),
        ("long scope", edited(good, "/aws4_request", "/aws4_request/x"), "incomplete"),
        ("another algorithm", edited(good, "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), "incomplete"),
        ("basic", {**good, "Authorization": "Basic YTpi"}, "incomplete"),
        (
            "a megabyte would not do",
            {**good, "Authorization": "AWS4-HMAC-SHA256 " + "," * 20000},
            "incomplete",
        ),
    ]


V2_DENIALS = {
    "unsigned": (403, "MissingAuthenticationTokenException"),
    "unknown": (403, "UnrecognizedClientException"),
    "wrong": (403, "InvalidSignatureException"),
    "incomplete": (400, "IncompleteSignatureException"),
}
V1_DENIALS = {
    "unsigned": (403, "MissingAuthenticationToken"),
    "unknown": (403, "InvalidClientTokenId"),
    "wrong": (403, "SignatureDoesNotMatch"),
    "incomplete": (400, "IncompleteSignature"),
}


def turned_away(api, path, body, other, denials):
    for name, headers, kind in attacks(api, path, body):
        answer = api.send("POST", path, body, headers)
        same((answer.status, answer.code()), denials[kind], name)
        true(len(answer.body) < SHORT_ANSWER, f"{name}: an answer of {len(answer.body)} bytes")
        same(listed(api), {"ConfigurationSets": []}, f"after {name}")
    good = api.sign("POST", path, body)
    same(len(other), len(body), "length of the other body")
    for swapped in (other, b"", body + b" "):
        answer = api.send("POST", path, swapped, good)
        same((answer.status, answer.code()), denials["wrong"], "body swapped")
        same(listed(api), {"ConfigurationSets": []}, "after a body was swapped")
    # The same request is taken when nothing is wrong with it.
    same(api.send("POST", path, body, good).status, 200, "a good signature")
    same(listed(api), {"ConfigurationSets": ["intruder"]})


@check
def version_2_turns_away_who_signs_wrong(api):
    turned_away(api, "/v2/email/configuration-sets", INTRUDER, OTHER, V2_DENIALS)


@check
def version_1_turns_away_who_signs_wrong(api):
    turned_away(api, "/", V1_INTRUDER, V1_OTHER, V1_DENIALS)


@check
def signatures_hold_for_odd_paths_and_queries(api):
    make_set(api, "there")
    for path, status in [
        ("/v2/email/configuration-sets/there?", 200),
        ("/v2/email/configuration-sets/there?x=%C3%A9&a=1", 200),
        ("/v2/email/configuration-sets/%74here", 200),
        ("/v2/email/configuration-sets/a%20b", 404),
        ("/v2/email/configuration-sets/%E2%98%83", 404),
        ("/v2/email/configuration-sets/a%25b", 404),
        ("/v2/email/configuration-sets/a+b", 404),
        ("/v2/email/configuration-sets/a~b", 404),
        ("/v2/email/configuration-sets/a*b", 404),
        ("/v2/email/configuration-sets/a:b@c", 404),
    ]:
        answer = api.ask("GET", path)
        same(answer.status, status, f"{path}: {answer}")


@check
def a_key_that_reads_changes_nothing(api):
    make_set(api, "there")
    make(api, "there", "d", definition())
    before, at, to = api.everything(), {"ConfigurationSetName": "there"}, {"EventDestinationName": "d"}
    v2, v1 = api.v2_reader, api.v1_reader
    same(bare(v2.list_configuration_sets()), {"ConfigurationSets": ["there"]})
    same(bare(v2.get_configuration_set(**at)), untold("there"))
    same(v2.get_configuration_set_event_destinations(**at)["EventDestinations"], shown(api, "there"))
    same(bare(v1.list_configuration_sets()), {"ConfigurationSets": [{"Name": "there"}]})
    same(v1.describe_configuration_set(**at)["ConfigurationSet"], {"Name": "there"})
    arn = {"ResourceArn": "arn:aws:ses:us-east-1:111122223333:configuration-set/there"}
    same(bare(v2.list_tags_for_resource(**arn)), {"Tags": []})
    value = {"EventDestination": definition(SNS)}
    for call, arguments in [
        ("create_configuration_set", {"ConfigurationSetName": "new"}),
        ("delete_configuration_set", at),
        ("create_configuration_set_event_destination", {**at, "EventDestinationName": "new", **value}),
        ("update_configuration_set_event_destination", at | to | value),
        ("delete_configuration_set_event_destination", at | to),
        ("put_configuration_set_tracking_options", {**at, "CustomRedirectDomain": "t.example.com"}),
        ("put_configuration_set_delivery_options", {**at, "TlsPolicy": "REQUIRE"}),
        ("put_configuration_set_reputation_options", {**at, "ReputationMetricsEnabled": True}),
        ("put_configuration_set_sending_options", {**at, "SendingEnabled": False}),
        ("put_configuration_set_suppression_options", {**at, "SuppressedReasons": ["BOUNCE"]}),
        ("put_configuration_set_vdm_options", {**at, "VdmOptions": OPTIONS["VdmOptions"]}),
        ("put_configuration_set_archiving_options", {**at, "ArchiveArn": ARCHIVE}),
        ("update_configuration_set", {**at, "MessageSecurityOptions": OPTIONS["MessageSecurityOptions"]}),
        ("tag_resource", {**arn, "Tags": [{"Key": "a", "Value": "b"}]}),
        ("untag_resource", {**arn, "TagKeys": ["a"]}),
    ]:
        words = re.compile(f"User: {api.reader.access_key} is not authorized to perform: ses:")
        refused("AccessDeniedException", words, getattr(v2, call), 403, **arguments)
    value = {"EventDestination": v1_destination("d", V1_SNS)}
    tracking = {"TrackingOptions": {"CustomRedirectDomain": "t.example.com"}}
    for call, arguments in [
        ("create_configuration_set", {"ConfigurationSet": {"Name": "new"}}),
        ("delete_configuration_set", at),
        ("create_configuration_set_event_destination", at | value),
        ("update_configuration_set_event_destination", at | value),
        ("delete_configuration_set_event_destination", at | to),
        ("put_configuration_set_delivery_options", {**at, "DeliveryOptions": {"TlsPolicy": "Require"}}),
        ("create_configuration_set_tracking_options", at | tracking),
        ("update_configuration_set_tracking_options", at | tracking),
        ("delete_configuration_set_tracking_options", at),
        ("update_configuration_set_sending_enabled", {**at, "Enabled": False}),
        ("update_configuration_set_reputation_metrics_enabled", {**at, "Enabled": True}),
    ]:
        refused("AccessDenied", re.compile("not authorized"), getattr(v1, call), 403, **arguments)
    own = "/postmeter/v1/configuration-sets"
    for path in (f"{own}/there", f"{own}/there/event-destinations/d"):
        same(api.ask("GET", path, key=api.reader).status, 200, f"GET {path}")
    for path in (f"{own}/there", f"{own}/there/event-destinations/d", f"{own}/*"):
        answer = api.ask("PUT", path, {"Namespace": "Mine"}, key=api.reader)
        same((answer.status, answer.code()), (403, "AccessDeniedException"), f"PUT {path}")
    same(api.everything(), before, "what is stored")


@check
def who_asks_too_often_is_told_to_wait(api):
    url = os.environ.get("RATE_LIMITED_URL")
    if not url:
        return "RATE_LIMITED_URL is not given"
    slow, old = client("sesv2", api.key, url), client("ses", api.key, url)

    def throttled(call, error, status):
        # One may pass now and then; not one after the other for ever.
        for _ in range(50):
            try:
                call()
            except ClientError as caught:
                same(type(caught).__name__, error)
                same(caught.response["ResponseMetadata"]["HTTPStatusCode"], status)
                same(caught.response["Error"]["Message"], "Rate exceeded")
                return caught.response["Error"]["Code"]
        raise Fault("50 requests in a row were answered")

    code = throttled(slow.list_configuration_sets, "TooManyRequestsException", 429)
    same(code, "TooManyRequestsException")
    same(throttled(old.list_configuration_sets, "ClientError", 400), "Throttling")
    # Clients repeat it, and come through.
    patient = [
        client(service, api.key, url, mode="standard", total_max_attempts=12) for service in ("sesv2", "ses")
    ]
    for one in patient:
        same(bare(one.list_configuration_sets()), {"ConfigurationSets": []})
