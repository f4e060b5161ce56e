"""What checks of the SES API share: clients, shapes and what is asserted."""

import datetime
import http.client
import json
import re
from unittest import mock
from urllib.parse import urlsplit
from xml.etree import ElementTree

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = "us-east-1"
PATIENCE = 10
SHORT_ANSWER = 2000

TYPES = [
    "SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "OPEN", "CLICK", "RENDERING_FAILURE",
    "DELIVERY_DELAY", "SUBSCRIPTION",
]  # fmt: skip
V1_TYPES = [
    "send", "reject", "bounce", "complaint", "delivery", "open", "click", "renderingFailure",
]  # fmt: skip
# A set made by version 1 does not publish them.
NO_METRICS = {"ReputationOptions": {"ReputationMetricsEnabled": False}}
SOURCES = ["MESSAGE_TAG", "EMAIL_HEADER", "LINK_TAG"]
DESCRIBED = ["eventDestinations", "trackingOptions", "deliveryOptions", "reputationOptions"]

ROLE = "arn:aws:iam::111122223333:role/ses"
STREAM = "arn:aws:firehose:us-east-1:111122223333:deliverystream/events"
TOPIC = "arn:aws:sns:us-east-1:111122223333:events"
BUS = "arn:aws:events:us-east-1:111122223333:event-bus/default"
APPLICATION = "arn:aws:mobiletargeting:us-east-1:111122223333:apps/0123456789abcdef"
ARCHIVE = f"arn:aws:ses:us-east-1:111122223333:mailmanager-archive/a-{'x' * 24}"

ENUM_FAULT = (
    "1 validation error detected: Value at 'eventDestination.matchingEventTypes' failed to satisfy "
    "constraint: Member must satisfy constraint: [Member must satisfy enum value set: [{}]]"
)
ONE_KIND = (
    "Please provide only one destination with each request. Either a Firehose Destination or a "
    "Cloudwatch Destination or an SNS Destination or an EventBridge Destination."
)
NO_DIMENSIONS = "CloudWatch metrics dimension configuration list cannot be empty."

# Of an error whose code nobody documents.
ANY_CODE = "any"

# What a configuration set can be told; everything that botocore's model has.
OPTIONS = {
    "TrackingOptions": {"CustomRedirectDomain": "t.example.com", "HttpsPolicy": "REQUIRE_OPEN_ONLY"},
    "DeliveryOptions": {"TlsPolicy": "REQUIRE", "SendingPoolName": "pool", "MaxDeliverySeconds": 300},
    "ReputationOptions": {
        "ReputationMetricsEnabled": True,
        "LastFreshStart": datetime.datetime(2026, 11, 1, 12, 30, tzinfo=datetime.timezone.utc),
    },
    "SendingOptions": {"SendingEnabled": False},
    "Tags": [
        {"Key": "team", "Value": "mail"},
        {"Key": "größe – ☃", "Value": "naïve 日本 🎈"},
        {"Key": "e", "Value": ""},
    ],
    "SuppressionOptions": {
        "SuppressedReasons": ["BOUNCE", "COMPLAINT"],
        "SuppressionScope": "TENANT",
        "ValidationOptions": {
            "ConditionThreshold": {
                "ConditionThresholdEnabled": "ENABLED",
                "OverallConfidenceThreshold": {"ConfidenceVerdictThreshold": "HIGH"},
            }
        },
    },
    "VdmOptions": {
        "DashboardOptions": {"EngagementMetrics": "ENABLED"},
        "GuardianOptions": {"OptimizedSharedDelivery": "DISABLED"},
    },
    "ArchivingOptions": {"ArchiveArn": ARCHIVE},
    "MessageSecurityOptions": {"SigningScheme": {"SmimeScheme": {"SignatureFormat": "DETACHED"}}},
}


# --- what is asserted ---


def check(function):
    """A function that is run with an `Api` without sets, and raises a `Fault`, or gives why it does nothing."""
    function.is_check = True
    return function


class Fault(Exception):
    """postmeter answered otherwise than it should."""


def same(found, expected, what="answer"):
    if found != expected:
        raise Fault(f"{what}\n  found:    {brief(found)}\n  expected: {brief(expected)}")


def true(condition, what):
    if not condition:
        raise Fault(what)


def brief(value):
    text = repr(value)
    return text if len(text) <= 1500 else f"{text[:1500]}… ({len(text)} characters)"


def refused(error, words, call, status=400, **arguments):
    """Asserts that a call raises this class or code, in these words: a text or a pattern."""
    try:
        found = call(**arguments)
    except ClientError as caught:
        answer = caught.response
        if isinstance(error, str) and error != ANY_CODE:
            same(answer["Error"]["Code"], error, f"code of {brief(arguments)}")
        elif error != ANY_CODE:
            same(type(caught).__name__, error.__name__, f"class of {brief(arguments)}: {caught}")
        message = answer["Error"]["Message"]
        matches = words.search(message) if isinstance(words, re.Pattern) else words == message
        true(matches, f"message of {brief(arguments)}\n  found:    {message}\n  expected: {words}")
        same(answer["ResponseMetadata"]["HTTPStatusCode"], status, "status")
        true(answer["ResponseMetadata"].get("RequestId"), "an error without a request id")
        return
    raise Fault(f"not refused as {error}: {brief(arguments)} -> {brief(found)}")


def unknown_members(shape, value, path="answer"):
    """What of a JSON value a shape of botocore's model does not have."""
    scalars = {"string": str, "boolean": bool, "integer": int, "long": int}
    if shape.type_name == "structure":
        for name, member in value.items():
            known = shape.members.get(name)
            yield from unknown_members(known, member, f"{path}.{name}") if known else [f"{path}.{name}"]
        yield from (f"{path}.{name} is missing" for name in shape.required_members if name not in value)
    elif shape.type_name == "list":
        for at, element in enumerate(value):
            yield from unknown_members(shape.member, element, f"{path}[{at}]")
    elif shape.type_name == "timestamp":
        if type(value) not in (int, float):
            yield f"{path} is no time: {value!r}"
    elif type(value) is not scalars[shape.type_name] or (
        shape.type_name == "string" and shape.enum and value not in shape.enum
    ):
        yield f"{path} is {value!r}"


# --- who asks ---


def client(service, key, url, **retries):
    config = Config(
        connect_timeout=PATIENCE,
        read_timeout=PATIENCE,
        retries=retries or {"total_max_attempts": 1},
        # Names that SES would refuse must reach the server.
        parameter_validation=False,
    )
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=key.access_key,
        aws_secret_access_key=key.secret_key,
        config=config,
    )


class Api:
    """A daemon, by both clients and by signed HTTP."""

    def __init__(self, url, key, reader):
        self.url, self.key, self.reader = url, key, reader
        self.v2, self.v1 = client("sesv2", key, url), client("ses", key, url)
        self.v2_reader, self.v1_reader = client("sesv2", reader, url), client("ses", reader, url)

    def sign(self, method, path, body=b"", key=None, service="ses", at=None, headers=()):
        """The headers of a signed request; `at` is the time that the signer believes it is."""
        request = AWSRequest(method, self.url + path, data=body, headers=dict(headers))
        now = at or datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        with mock.patch("botocore.auth.get_current_datetime", return_value=now):
            SigV4Auth(key or self.key, service, REGION).add_auth(request)
        return dict(request.headers.items())

    def send(self, method, path, body=b"", headers=()):
        """Sends a request as it is, without mending its path."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE)
        try:
            connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
            for name, value in {**dict(headers), "Content-Length": str(len(body))}.items():
                connection.putheader(name, value)
            connection.endheaders()
            try:
                connection.send(body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before it was read; the answer is there
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def ask(self, method, path, body=b"", key=None):
        """Sends a signed request."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send(method, path, body, self.sign(method, path, body, key))

    def names(self):
        """Of all sets, that of every other set included."""
        any_set = self.ask("GET", "/postmeter/v1/configuration-sets/*").status == 200
        page = bare(self.v2.list_configuration_sets(PageSize=1000))
        same(list(page), ["ConfigurationSets"], "members of a page that holds all")
        return ["*"] * any_set + page["ConfigurationSets"]

    def everything(self):
        """All that is stored, extensions included."""
        stored = {}
        for name in self.names():
            own = f"/postmeter/v1/configuration-sets/{name}"
            destinations = shown(self, name)
            extensions = [f"{own}/event-destinations/{one['Name']}" for one in destinations]
            stored[name] = [bare(self.v2.get_configuration_set(ConfigurationSetName=name)), destinations]
            stored[name] += [self.ask("GET", path).json() for path in [own, *extensions]]
        return stored

    def delete_everything(self):
        for name in self.names():
            self.v2.delete_configuration_set(ConfigurationSetName=name)


class Answer:
    """An answer to signed HTTP."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def code(self):
        """The code of an error, in the form of either version."""
        if self.status == 200:
            return None
        if self.headers.get("content-type") == "text/xml":
            return ElementTree.fromstring(self.body).findtext("{*}Error/{*}Code")
        same(list(self.json()), ["message"], "members of an error")
        return self.headers["x-amzn-errortype"]

    def __repr__(self):
        return f"{self.status} {self.headers.get('x-amzn-errortype', '')} {brief(self.body)}"


def bare(response):
    return {name: value for name, value in response.items() if name != "ResponseMetadata"}


def dimension(name="campaign", source="MESSAGE_TAG", default="none"):
    return {"DimensionName": name, "DimensionValueSource": source, "DefaultDimensionValue": default}


def cloudwatch(*dimensions):
    return {"CloudWatchDestination": {"DimensionConfigurations": list(dimensions or [dimension()])}}


def definition(kind=None, types=("SEND",), **more):
    return {"MatchingEventTypes": list(types), **(kind or cloudwatch()), **more}


SNS = {"SnsDestination": {"TopicArn": TOPIC}}
FIREHOSE = {"KinesisFirehoseDestination": {"IamRoleArn": ROLE, "DeliveryStreamArn": STREAM}}
EVENT_BRIDGE = {"EventBridgeDestination": {"EventBusArn": BUS}}
PINPOINT = {"PinpointDestination": {"ApplicationArn": APPLICATION}}


def make_set(api, name, **options):
    same(bare(api.v2.create_configuration_set(ConfigurationSetName=name, **options)), {}, "created set")


def make(api, set_name, name, value):
    call = api.v2.create_configuration_set_event_destination
    answer = call(ConfigurationSetName=set_name, EventDestinationName=name, EventDestination=value)
    same(bare(answer), {}, "created event destination")


def update(api, set_name, name, value):
    call = api.v2.update_configuration_set_event_destination
    answer = call(ConfigurationSetName=set_name, EventDestinationName=name, EventDestination=value)
    same(bare(answer), {}, "updated event destination")


def shown(api, set_name):
    answer = api.v2.get_configuration_set_event_destinations(ConfigurationSetName=set_name)
    same(list(bare(answer)), ["EventDestinations"], "members")
    return answer["EventDestinations"]


def listed(api, **arguments):
    return bare(api.v2.list_configuration_sets(**arguments))


def untold(name, **options):
    """What GetConfigurationSet answers of a set that was told nothing else."""
    return {
        "ConfigurationSetName": name,
        "ReputationOptions": {"ReputationMetricsEnabled": True},
        "SendingOptions": {"SendingEnabled": True},
        "Tags": [],
        **options,
    }
