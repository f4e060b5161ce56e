#!/usr/bin/env python3
"""Checks every file in deploy/ without a network: one line a file, exit 1 on a fault.

API inputs are validated against botocore's service models (names, types, required
members, enums, lengths, patterns), policies for structure and least privilege, the
Dockerfile for the promises made of it. Files that must agree (account, region, ARNs,
ports, times) are compared with each other. `--self-test` plants faults, one at a
time, in a copy and fails if one goes unnoticed. With POSTMETER_RELEASE=1 the base
images of the Dockerfile must be pinned by digest.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import botocore
import botocore.loaders
import botocore.model
import botocore.validate
import pin_images

ROOT = Path(__file__).resolve().parents[2]

# file (a glob below deploy/) -> (service, operation it is the input of)
INPUTS = {
    "ecs/task-definition*.json": ("ecs", "RegisterTaskDefinition"),
    "ecs/service*.json": ("ecs", "CreateService"),
    "firehose/delivery-stream*.json": ("firehose", "CreateDeliveryStream"),
    "ses/event-destination*.json": ("sesv2", "CreateConfigurationSetEventDestination"),
    "sqs/*queue.json": ("sqs", "CreateQueue"),
    "sns/topic.json": ("sns", "CreateTopic"),
    "sns/subscription*.json": ("sns", "Subscribe"),
    "s3/bucket-notification.json": ("s3", "PutBucketNotificationConfiguration"),
    "s3/*-bucket-policy.json": ("s3", "PutBucketPolicy"),
    "s3/bucket-encryption.json": ("s3", "PutBucketEncryption"),
    "s3/public-access-block.json": ("s3", "PutPublicAccessBlock"),
    "kms/key.json": ("kms", "CreateKey"),
    "ec2/*-group.json": ("ec2", "CreateSecurityGroup"),
    "ec2/*-ingress*.json": ("ec2", "AuthorizeSecurityGroupIngress"),
    "ec2/default-egress.json": ("ec2", "RevokeSecurityGroupEgress"),
    "ec2/*-egress.json": ("ec2", "AuthorizeSecurityGroupEgress"),
    "alb/target-group.json": ("elbv2", "CreateTargetGroup"),
    "alb/target-group-attributes.json": ("elbv2", "ModifyTargetGroupAttributes"),
    "alb/load-balancer-attributes.json": ("elbv2", "ModifyLoadBalancerAttributes"),
    "alarms/*.json": ("cloudwatch", "PutMetricAlarm"),
}
POLICIES = "iam/*.json"

ACCOUNT = "111122223333"
# role -> the policies that README.md gives it: one role for each way in, and what it needs alone.
TASK_ROLES = {
    "postmeter-task-firehose": ["task-role"],
    "postmeter-task-sns": ["task-role"],
    "postmeter-task-queue": ["task-role", "task-role-queue"],
    "postmeter-task-objects": ["task-role", "task-role-queue", "task-role-objects"],
}

# Actions that AWS offers no resource for.
WITHOUT_RESOURCE = {"cloudwatch:PutMetricData", "ecr:GetAuthorizationToken"}
OWN_TOTALS = {
    "Events", "MatchedEvents", "UnmatchedEvents", "UnroutedEvents", "LateEvents", "MalformedValues",
    "AcceptedCounts", "DroppedCounts", "DoubtfulCounts", "Requests", "RefusedRequests",
}  # fmt: skip
MUST_ALARM = {"DoubtfulCounts", "DroppedCounts", "MalformedValues"}


def as_list(value):
    return value if isinstance(value, list) else [value]


# --- AWS API inputs --------------------------------------------------------------------


class Models:
    """botocore's service models, read from the installed package."""

    def __init__(self):
        self.loader = botocore.loaders.Loader()
        self.services = {}

    def input_shape(self, service, operation):
        if service not in self.services:
            api = self.loader.load_service_model(service, "service-2")
            self.services[service] = botocore.model.ServiceModel(api, service)
        return self.services[service].operation_model(operation).input_shape

    def faults(self, service, operation, params):
        shape = self.input_shape(service, operation)
        report = botocore.validate.ParamValidator().validate(params, shape)
        if report.has_errors():
            return [line for line in report.generate_report().splitlines() if line]
        return list(strict_faults(params, shape, ""))


def strict_faults(value, shape, path):
    """What botocore leaves to the service: enums, upper bounds and patterns."""
    if shape.type_name == "structure":
        for name, member in value.items():
            yield from strict_faults(member, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for i, member in enumerate(value):
            yield from strict_faults(member, shape.member, f"{path}[{i}]")
    elif shape.type_name == "map":
        for name, member in value.items():
            yield from strict_faults(member, shape.value, f"{path}.{name}")

    most = shape.metadata.get("max")
    if most is not None:
        size = len(value) if isinstance(value, (str, list, dict)) else value
        if size > most:
            yield f"{path}: {size} is above the maximum {most}"
    if shape.type_name == "string":
        if shape.enum and value not in shape.enum:
            yield f"{path}: {value!r} is none of {', '.join(shape.enum)}"
        pattern = shape.metadata.get("pattern")
        if pattern:
            try:
                matches = re.search(pattern, value)
            except re.error:  # written for another dialect
                matches = True
            if not matches:
                yield f"{path}: {value!r} does not match {pattern}"


# --- policies --------------------------------------------------------------------------


def policy_faults(name, policy):
    if policy.get("Version") != "2012-10-17":
        yield "Version is not 2012-10-17"
    statements = as_list(policy.get("Statement") or [])
    if not statements:
        yield "no Statement"
    for i, statement in enumerate(statements):
        at = statement.get("Sid") or f"Statement[{i}]"
        unknown = set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}
        if unknown:
            yield f"{at}: unknown element {', '.join(sorted(unknown))}"
        if statement.get("Effect") != "Allow":
            yield f"{at}: Effect is not Allow"
        actions = as_list(statement.get("Action") or [])
        if not actions:
            yield f"{at}: no Action"
        for action in actions:
            if not re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9]+", action):
                yield f"{at}: Action {action!r} is no single action"
        condition = statement.get("Condition") or {}
        if "cloudwatch:PutMetricData" in actions:
            namespaces = condition.get("StringEquals", {}).get("cloudwatch:namespace")
            if sorted(as_list(namespaces or [])) != ["Postmeter", "SES"]:
                yield f"{at}: PutMetricData is not confined to the namespaces SES and Postmeter"
        if "-trust" in name:
            principal = statement.get("Principal")
            services = as_list(principal.get("Service", [])) if isinstance(principal, dict) else []
            if not services or not all(s.endswith(".amazonaws.com") for s in services):
                yield f"{at}: Principal is no AWS service"
            if actions != ["sts:AssumeRole"]:
                yield f"{at}: a trust policy allows sts:AssumeRole and nothing else"
            keys = {key for block in condition.values() for key in block}
            if not keys & {"aws:SourceAccount", "aws:SourceArn", "sts:ExternalId"}:
                yield f"{at}: any account's {services} could assume the role (confused deputy)"
            if "Resource" in statement:
                yield f"{at}: a trust policy has no Resource"
        else:
            if "Principal" in statement:
                yield f"{at}: an identity policy has no Principal"
            resources = as_list(statement.get("Resource") or [])
            if not resources:
                yield f"{at}: no Resource"
            for resource in resources:
                if resource == "*" and not set(actions) <= WITHOUT_RESOURCE:
                    yield f"{at}: Resource * for actions that can be confined"
                elif resource != "*" and not resource.startswith("arn:aws:"):
                    yield f"{at}: Resource {resource!r} is no ARN"
                # A bucket of that name may belong to another account one day.
                elif resource.startswith("arn:aws:s3:") and not is_own(condition):
                    yield f"{at}: {resource} is not confined to the account by aws:ResourceAccount"


def is_own(condition):
    return condition.get("StringEquals", {}).get("aws:ResourceAccount") == ACCOUNT


def resource_policy_faults(text, resources):
    """Faults of a policy of a queue, topic or bucket: who is let in, and only by TLS."""
    policy = json.loads(text)
    if policy.get("Version") != "2012-10-17":
        yield "Version is not 2012-10-17"
    denied = set()
    for statement in policy["Statement"]:
        at, condition = statement["Sid"], statement.get("Condition") or {}
        named = as_list(statement["Resource"])
        if not set(named) <= set(resources):
            yield f"{at}: another resource than {', '.join(resources)}"
        if statement["Effect"] == "Deny":
            if condition == {"Bool": {"aws:SecureTransport": "false"}} and statement["Principal"] == "*":
                denied |= set(named)
            continue
        principal = statement["Principal"]
        service = principal.get("Service", "") if isinstance(principal, dict) else ""
        if not str(service).endswith(".amazonaws.com"):
            yield f"{at}: Principal is no AWS service"
        equals = condition.get("StringEquals", {})
        source = condition.get("ArnEquals", {}).get("aws:SourceArn") or equals.get("aws:SourceArn", "")
        if f":{ACCOUNT}:" not in source and equals.get("aws:SourceAccount") != ACCOUNT:
            yield f"{at}: {service} could act for any account (confused deputy)"
    if denied != set(resources):
        yield "no Deny for everybody without aws:SecureTransport"


# --- Dockerfile ------------------------------------------------------------------------


def docker_stages(text):
    """[[(instruction, rest), …] of each stage], with what precedes the first FROM as stage 0."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    stages = [[]]
    for line in filter(str.strip, joined.splitlines()):
        instruction, _, rest = line.strip().partition(" ")
        if instruction.upper() == "FROM":
            stages.append([])
        stages[-1].append((instruction.upper(), " ".join(rest.split())))
    return stages


def exec_form(rest):
    try:
        value = json.loads(rest)
    except ValueError:
        return None
    return value if isinstance(value, list) and all(isinstance(v, str) for v in value) else None


def version(text):
    return tuple(int(part) for part in text.split("."))


def dockerfile_faults(text, cargo_toml, release):
    head, *stages = docker_stages(text)
    if len(stages) < 2:
        yield "not a multi-stage build"
        return
    args = dict(rest.partition("=")[::2] for instruction, rest in head if instruction == "ARG")
    bases = []
    for stage in stages:
        base = stage[0][1].split(" ")[0]
        bases.append(re.sub(r"\$\{?(\w+)\}?", lambda m: args.get(m[1], ""), base))
        tag = bases[-1].rpartition("/")[2].partition(":")[2]
        if tag in ("", "latest"):
            yield f"FROM {bases[-1]}: no tag"
        name, _, digest = bases[-1].partition("@")
        if digest and not pin_images.DIGEST.fullmatch(digest):
            yield f"FROM {bases[-1]}: {digest} is no digest"
        if release and not digest:
            yield f"FROM {name}: not pinned by digest; run `make pin-images`"
    bases = [base.partition("@")[0] for base in bases]

    builder = re.search(r"rust:(\d+\.\d+(?:\.\d+)?)-\w*-?bookworm$", bases[0])
    if not builder:
        yield f"builder {bases[0]} is no official rust image of Debian 12"
    msrv = re.search(r'^rust-version\s*=\s*"([\d.]+)"', cargo_toml, re.M)
    if builder and msrv and version(builder[1])[:2] < version(msrv[1])[:2]:
        yield f"builder has Rust {builder[1]}, Cargo.toml asks for {msrv[1]}"
    if "distroless/cc-debian12:nonroot" not in bases[-1]:
        yield f"final base {bases[-1]} is not distroless for Debian 12 (the builder's glibc), nonroot"

    build = " ".join(rest for instruction, rest in stages[0] if instruction == "RUN")
    if "cargo auditable build --release --locked" not in build:
        yield "the builder does not run cargo auditable build --release --locked: no SBOM in the program"
    installs = re.search(r'cargo install cargo-auditable --version "=\$\{(\w+)\}" --locked', build)
    versions = dict(rest.partition("=")[::2] for instruction, rest in stages[0] if instruction == "ARG")
    if not installs or not re.fullmatch(r"\d+\.\d+\.\d+", versions.get(installs[1], "")):
        yield "the builder does not install one version of cargo-auditable"
    if "--mount=type=cache" not in build:
        yield "the builder has no cache mount"

    final = stages[-1]
    last = {instruction: rest for instruction, rest in final}
    for instruction, rest in final:
        if instruction in ("RUN", "SHELL", "ADD"):
            yield f"{instruction} in the final stage"
        if instruction in ("ENTRYPOINT", "CMD") and exec_form(rest) is None:
            yield f"{instruction} is not in exec form"
    if last.get("USER", "").split(":")[0] != "65532":
        yield "the final USER is not 65532"
    if exec_form(last.get("ENTRYPOINT", "")) != ["/postmeter"]:
        yield 'ENTRYPOINT is not ["/postmeter"]'
    if exec_form(last.get("CMD", "")) != ["serve"]:
        yield 'CMD is not ["serve"]'
    check = re.search(r"CMD (.*)", last.get("HEALTHCHECK", ""))
    if not check or exec_form(check[1]) != ["/postmeter", "healthcheck"]:
        yield 'HEALTHCHECK is not CMD ["/postmeter", "healthcheck"]'
    exposed = {port for i, rest in final if i == "EXPOSE" for port in rest.split()}
    if exposed != {"8127", "9127"}:
        yield "EXPOSE is not 8127 9127"
    if "org.opencontainers.image." not in last.get("LABEL", ""):
        yield "no OCI labels"


def context_faults(root):
    """Is what the build reads let into the context by .dockerignore?"""
    lines = (root / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    if not rules or rules[0] != "*":
        yield "does not begin with *: everything is let in"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    needed = {"Cargo.toml", "Cargo.lock", "src"}
    for source in (root / "src").rglob("*.rs"):
        for path in re.findall(r'include_(?:str|bytes)!\(\s*"([^"]+)"', source.read_text()):
            target = (source.parent / path).resolve()
            if target.is_relative_to(root):
                needed.add(target.relative_to(root).parts[0])
    for path in re.findall(r'^path\s*=\s*"([^"/]+)/', (root / "Cargo.toml").read_text(), re.M):
        needed.add(path)
    for name in sorted(needed - allowed):
        yield f"{name} is not let in, and the build reads it"


# --- what must agree -------------------------------------------------------------------


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def agreement_faults(docs):
    """(file, fault) for each two files that contradict each other."""
    task_file, service_file = "ecs/task-definition.json", "ecs/service.json"
    stream_file, ses_file = "firehose/delivery-stream.json", "ses/event-destination.json"
    task, service = docs[task_file], docs[service_file]
    container = task["containerDefinitions"][0]
    env = {e["name"]: e["value"] for e in container["environment"]}

    for field, wanted in {
        "user": "65532:65532",
        "readonlyRootFilesystem": True,
        "linuxParameters": {"capabilities": {"drop": ["ALL"]}},
    }.items():
        if container.get(field) != wanted:
            yield task_file, f"{field} is not {json.dumps(wanted)}"
    if container.get("healthCheck", {}).get("command") != ["CMD", "/postmeter", "healthcheck"]:
        yield task_file, "healthCheck needs a shell or is not /postmeter healthcheck"
    if task["runtimePlatform"]["cpuArchitecture"] != "ARM64":
        yield task_file, "cpuArchitecture is not ARM64"
    if seconds(env["POSTMETER__SHUTDOWN__GRACE"]) + 5 > container.get("stopTimeout", 30):
        yield task_file, "the grace does not end 5 s before stopTimeout: counts would be killed"
    if [p["containerPort"] for p in container["portMappings"]] != [8127]:
        yield task_file, "portMappings is not 8127 alone"
    if not env["POSTMETER__LISTEN__HTTP"].endswith(":8127"):
        yield task_file, "POSTMETER__LISTEN__HTTP is not on port 8127"
    if env["POSTMETER__DEFINITIONS"] != "env:POSTMETER_DEFINITIONS":
        yield task_file, "POSTMETER__DEFINITIONS is not env:POSTMETER_DEFINITIONS"
    try:
        sets = {s["ConfigurationSetName"] for s in json.loads(env["POSTMETER_DEFINITIONS"])["ConfigurationSets"]}
    except (ValueError, KeyError, TypeError) as error:
        yield task_file, f"POSTMETER_DEFINITIONS is no definitions document: {error!r}"
    else:
        if docs[ses_file]["ConfigurationSetName"] not in sets:
            yield ses_file, "its configuration set is not in POSTMETER_DEFINITIONS"
    if any("ACCESS_KEYS" in name for name in env):
        yield task_file, "access keys in plain sight: use secrets"
    secrets = {s["name"]: s["valueFrom"] for s in container.get("secrets", [])}
    readable = docs["iam/execution-role-policy.json"]["Statement"]
    if not may_read(readable, secrets.get("POSTMETER__FIREHOSE__ACCESS_KEYS", "")):
        yield task_file, "POSTMETER__FIREHOSE__ACCESS_KEYS is no secret that the execution role may read"

    balancer = service["loadBalancers"][0]
    if (balancer["containerName"], balancer["containerPort"]) != (container["name"], 8127):
        yield service_file, "loadBalancers names another container or port than the task definition"
    if service["deploymentConfiguration"].get("minimumHealthyPercent") != 100:
        yield service_file, "minimumHealthyPercent is not 100"
    if not service["deploymentConfiguration"].get("deploymentCircuitBreaker", {}).get("enable"):
        yield service_file, "the deployment circuit breaker is off"
    if not service.get("healthCheckGracePeriodSeconds"):
        yield service_file, "no health check grace period"

    group = docs["alb/target-group.json"]
    if (group["Port"], group["HealthCheckPath"], group["TargetType"]) != (8127, "/livez", "ip"):
        yield "alb/target-group.json", "not port 8127, /livez, ip"
    if balancer["targetGroupArn"] != docs["alb/target-group-attributes.json"]["TargetGroupArn"]:
        yield service_file, "another target group than alb/target-group-attributes.json"
    attributes = docs["alb/load-balancer-attributes.json"]["Attributes"]
    idle = {a["Key"]: a["Value"] for a in attributes}.get("idle_timeout.timeout_seconds", "60")
    attributes = {a["Key"]: a["Value"] for a in attributes}
    if attributes.get("routing.http.drop_invalid_header_fields.enabled") != "true":
        yield "alb/load-balancer-attributes.json", "header fields with invalid names are let through"
    if attributes.get("routing.http.desync_mitigation_mode") not in ("defensive", "strictest"):
        yield "alb/load-balancer-attributes.json", "desync mitigation is neither defensive nor strictest"
    if not 55 < int(idle) < 75:
        yield "alb/load-balancer-attributes.json", (
            "the idle timeout is not between firehose.patience (55 s) and listen.keep_alive (75 s)"
        )

    destination = docs[stream_file]["HttpEndpointDestinationConfiguration"]
    if not destination["EndpointConfiguration"]["Url"].endswith("/firehose"):
        yield stream_file, "Url does not end in /firehose, the default of firehose.path"
    if "AccessKey" in destination["EndpointConfiguration"]:
        yield stream_file, "access key in plain sight: use SecretsManagerConfiguration"
    secret = destination.get("SecretsManagerConfiguration", {})
    if not secret.get("Enabled") or not may_read(
        docs["iam/firehose-role-policy.json"]["Statement"], secret.get("SecretARN", "")
    ):
        yield stream_file, "no access key that the role may read"
    if destination.get("S3BackupMode") != "FailedDataOnly":
        yield stream_file, "S3BackupMode is not FailedDataOnly"
    buckets = docs["iam/firehose-role-policy.json"]["Statement"][0]["Resource"]
    if destination["S3Configuration"]["BucketARN"] not in buckets:
        yield stream_file, "a backup bucket that the role may not write to"
    if destination.get("RequestConfiguration", {}).get("ContentEncoding") != "GZIP":
        yield stream_file, "ContentEncoding is not GZIP"

    ses = docs[ses_file]["EventDestination"]
    arn = ses["KinesisFirehoseDestination"]["DeliveryStreamArn"]
    if not arn.endswith(f":deliverystream/{docs[stream_file]['DeliveryStreamName']}"):
        yield ses_file, f"DeliveryStreamArn is not that of {stream_file}"
    if arn != docs["iam/ses-firehose-role-policy.json"]["Statement"][0]["Resource"]:
        yield "iam/ses-firehose-role-policy.json", f"another stream than {ses_file}"
    if len(set(ses["MatchingEventTypes"])) != 10:
        yield ses_file, "not all ten event types"
    trust = docs["iam/ses-firehose-role-trust.json"]["Statement"][0]["Condition"]
    source = trust.get("StringEquals", {}).get("aws:SourceArn", "")
    if not source.endswith(f":configuration-set/{docs[ses_file]['ConfigurationSetName']}"):
        yield "iam/ses-firehose-role-trust.json", f"another configuration set than {ses_file}"

    yield from queue_agreement_faults(docs)
    yield from network_faults(docs)
    yield from bucket_faults(docs)
    for name, role in ((task_file, "postmeter-task-firehose"), ("ecs/task-definition-queue.json", "postmeter-task-queue")):
        if docs[name]["taskRoleArn"] != f"arn:aws:iam::{ACCOUNT}:role/{role}":
            yield name, f"its role is not {role}"
    alarms = {name: doc for name, doc in docs.items() if name.startswith("alarms/")}
    for name, alarm in alarms.items():
        if alarm.get("Namespace") != "Postmeter" or alarm.get("Dimensions"):
            yield name, "own totals are in the namespace Postmeter, without dimensions"
        if alarm.get("MetricName") not in OWN_TOTALS:
            yield name, f"{alarm.get('MetricName')} is none of postmeter's own totals"
        if alarm.get("Period") != 60 or alarm.get("Unit") != "Count":
            yield name, "own totals are counts of 60 s"
    above_zero = {
        alarm.get("MetricName")
        for alarm in alarms.values()
        if (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
    }
    for metric in sorted(MUST_ALARM - above_zero):
        yield "alarms/", f"no alarm on {metric} above zero"
    if not any(alarm.get("TreatMissingData") == "breaching" for alarm in alarms.values()):
        yield "alarms/", "no alarm on silence (TreatMissingData breaching)"

    for name, doc in docs.items():
        text = json.dumps(doc)
        for account in set(re.findall(r"(?<![\w-])\d{12}(?!\w)", text)) - {"111122223333"}:
            yield name, f"account {account}: the placeholder is 111122223333"
        for region in set(re.findall(r"\b[a-z]{2}-[a-z]+-\d\b", text)) - {"eu-west-1"}:
            yield name, f"region {region}: the placeholder is eu-west-1"


def queue_agreement_faults(docs):
    """The way through SNS or S3 and SQS: each names the next, and lets the one before in."""
    queue_file, topic_file, notification_file = "sqs/queue.json", "sns/topic.json", "s3/bucket-notification.json"
    queue = "arn:aws:sqs:eu-west-1:111122223333:" + docs[queue_file]["QueueName"]
    topic = "arn:aws:sns:eu-west-1:111122223333:" + docs[topic_file]["Name"]
    bucket = "arn:aws:s3:::" + docs[notification_file]["Bucket"]
    task_file = "ecs/task-definition-queue.json"
    container = docs[task_file]["containerDefinitions"][0]
    env = {e["name"]: e["value"] for e in container["environment"]}
    _, _, _, region, account, name = queue.split(":")
    if env.get("POSTMETER__SQS__0__QUEUE_URL") != f"https://sqs.{region}.amazonaws.com/{account}/{name}":
        yield task_file, f"POSTMETER__SQS__0__QUEUE_URL is not that of {queue_file}"
    if "portMappings" in container or "POSTMETER__LISTEN__HTTP" in env:
        yield task_file, "a port for nobody: the queue is asked, and nothing asks the task"
    with_port = docs["ecs/task-definition.json"]["containerDefinitions"][0]
    for field in ("image", "user", "readonlyRootFilesystem", "linuxParameters", "healthCheck", "stopTimeout", "logConfiguration"):
        if container.get(field) != with_port.get(field):
            yield task_file, f"{field} is not that of ecs/task-definition.json"
    if docs["ecs/service-queue.json"]["taskDefinition"] != docs[task_file]["family"]:
        yield "ecs/service-queue.json", f"another task definition than {task_file}"

    attributes = docs[queue_file]["Attributes"]
    dead_file = "sqs/dead-letter-queue.json"
    dead_arn = f"{queue.rpartition(':')[0]}:{docs[dead_file]['QueueName']}"
    for name, arn in ((queue_file, queue), (dead_file, dead_arn)):
        if docs[name]["Attributes"].get("SqsManagedSseEnabled") != "true":
            yield name, "not encrypted"
        for fault in resource_policy_faults(docs[name]["Attributes"]["Policy"], [arn]):
            yield name, fault
    may_redrive = json.loads(docs[dead_file]["Attributes"].get("RedriveAllowPolicy", "{}"))
    if may_redrive != {"redrivePermission": "byQueue", "sourceQueueArns": [queue]}:
        yield dead_file, "RedriveAllowPolicy does not allow sqs/queue.json, and nothing else"
    for fault in resource_policy_faults(docs[topic_file]["Attributes"]["Policy"], [topic]):
        yield topic_file, fault
    if docs[topic_file]["Attributes"].get("KmsMasterKeyId") != "alias/postmeter":
        yield topic_file, "not encrypted by the key alias/postmeter"
    # The key of AWS, alias/aws/sns, does not let SES in: its events would be lost.
    key = {s["Sid"]: s for s in json.loads(docs["kms/key.json"]["Policy"])["Statement"]}
    ses_uses = key.get("SesPublishes", {})
    if (
        ses_uses.get("Principal") != {"Service": "ses.amazonaws.com"}
        or set(ses_uses["Action"]) != {"kms:GenerateDataKey", "kms:Decrypt"}
        or ses_uses.get("Condition") != {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
        or set(key) != {"AccountManages", "SesPublishes"}
        or key["AccountManages"]["Principal"] != {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    ):
        yield "kms/key.json", "not for the account, and for SES on its behalf, alone"
    policy = allowed(attributes["Policy"])
    sources = {s["Principal"]["Service"]: s["Condition"]["ArnEquals"]["aws:SourceArn"] for s in policy}
    if sources != {"sns.amazonaws.com": topic, "s3.amazonaws.com": bucket}:
        yield queue_file, "its policy does not let in the topic and the bucket, and nobody else"
    if any(s["Resource"] != queue or s["Action"] != "sqs:SendMessage" for s in policy):
        yield queue_file, "its policy is about more than sending to itself"
    dead = json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"]
    if not dead.endswith(":" + docs["sqs/dead-letter-queue.json"]["QueueName"]):
        yield queue_file, "deadLetterTargetArn is not sqs/dead-letter-queue.json"
    (publishes,) = allowed(docs[topic_file]["Attributes"]["Policy"])
    if publishes["Action"] != "sns:Publish" or publishes["Principal"] != {"Service": "ses.amazonaws.com"}:
        yield topic_file, "its policy does not let SES publish to itself"
    subscription = docs["sns/subscription.json"]
    if (subscription["TopicArn"], subscription["Endpoint"]) != (topic, queue):
        yield "sns/subscription.json", "not from the topic to the queue"
    https_file = "sns/subscription-https.json"
    https = docs[https_file]
    stream = docs["firehose/delivery-stream.json"]["HttpEndpointDestinationConfiguration"]
    host = stream["EndpointConfiguration"]["Url"].removesuffix("/firehose")
    if (https["TopicArn"], https["Protocol"], https["Endpoint"]) != (topic, "https", host + "/sns"):
        yield https_file, "not from the topic to the balancer's host and /sns"
    policy = json.loads(https["Attributes"]["DeliveryPolicy"])["healthyRetryPolicy"]
    if policy["numRetries"] > 100 or policy["numRetries"] * policy["maxDelayTarget"] > 3600:
        yield https_file, "repeats for more than the hour that SNS allows"
    ses_file = "ses/event-destination-sns.json"
    ses = docs[ses_file]["EventDestination"]
    if ses["SnsDestination"]["TopicArn"] != topic:
        yield ses_file, f"another topic than {topic_file}"
    if len(set(ses["MatchingEventTypes"])) != 10:
        yield ses_file, "not all ten event types"
    (notified,) = docs[notification_file]["NotificationConfiguration"]["QueueConfigurations"]
    if notified["QueueArn"] != queue:
        yield notification_file, "another queue than sqs/queue.json"
    stream_file = "firehose/delivery-stream-s3.json"
    stream = docs[stream_file]["ExtendedS3DestinationConfiguration"]
    prefix = notified["Filter"]["Key"]["FilterRules"][0]["Value"]
    if stream["BucketARN"] != bucket or not stream["Prefix"].startswith(prefix):
        yield stream_file, f"writes elsewhere than {notification_file} looks"
    if bucket not in docs["iam/firehose-role-policy.json"]["Statement"][0]["Resource"]:
        yield stream_file, "a bucket that the role may not write to"
    if stream["ErrorOutputPrefix"].startswith(prefix):
        yield stream_file, "failures would be notified as events"
    role_file, objects_file = "iam/task-role-queue-policy.json", "iam/task-role-objects-policy.json"
    (reads,) = docs[role_file]["Statement"]
    if reads["Resource"] != queue or not is_own(reads.get("Condition") or {}):
        yield role_file, "another queue, or one of another account"
    objects = {s["Action"]: s["Resource"] for s in docs[objects_file]["Statement"]}
    if objects != {"s3:GetObject": f"{bucket}/{prefix}*", "s3:ListBucket": bucket}:
        yield objects_file, f"more or less than reading objects below {prefix}"


def allowed(policy):
    return [s for s in json.loads(policy)["Statement"] if s["Effect"] == "Allow"]


def network_faults(docs):
    """Who may connect to whom: AWS -> balancer -> task -> AWS, and monitoring -> admin port."""
    balancer, task = (docs[f"ec2/{name}-egress.json"]["GroupId"] for name in ("balancer", "task"))
    services = ("ecs/service.json", "ecs/service-queue.json")
    for name in services:
        if docs[name]["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] != [task]:
            yield name, "another security group than ec2/task-egress.json"
    anywhere = [("0.0.0.0/0", None)]
    for name, group, port, peers in (
        ("balancer-ingress", balancer, 443, anywhere),
        ("balancer-egress", balancer, 8127, [(None, task)]),
        ("task-ingress", task, 8127, [(None, balancer)]),
        ("task-ingress-admin", task, 9127, None),
        ("task-egress", task, 443, anywhere),
    ):
        doc = docs[f"ec2/{name}.json"]
        (rule,) = doc["IpPermissions"]
        found = [(one["CidrIp"], None) for one in rule.get("IpRanges", [])]
        found += [(None, one["GroupId"]) for one in rule.get("UserIdGroupPairs", [])]
        if doc["GroupId"] != group:
            yield f"ec2/{name}.json", f"about another group than {group}"
        if (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) != ("tcp", port, port):
            yield f"ec2/{name}.json", f"not TCP port {port} alone"
        if set(rule) & {"Ipv6Ranges", "PrefixListIds"}:
            yield f"ec2/{name}.json", "peers that nothing here checks"
        if peers is not None and found != peers:
            yield f"ec2/{name}.json", "other peers than it is for"
        if peers is None and (len(found) != 1 or found[0][1] in (None, balancer, task)):
            yield f"ec2/{name}.json", "the admin port is open beyond the monitoring group"
    vpcs = {docs[f"ec2/{name}-group.json"]["VpcId"] for name in ("balancer", "task")}
    if vpcs != {docs["alb/target-group.json"]["VpcId"]}:
        yield "ec2/task-group.json", "another VPC than alb/target-group.json"
    if docs["ec2/default-egress.json"]["IpPermissions"][0]["IpProtocol"] != "-1":
        yield "ec2/default-egress.json", "not the rule that every new group has"


def bucket_faults(docs):
    """Both buckets: by TLS alone, for the account alone, encrypted, and never public."""
    for name in ("events", "backup"):
        file, bucket = f"s3/{name}-bucket-policy.json", f"postmeter-{name}-{ACCOUNT}"
        doc, arn = docs[file], f"arn:aws:s3:::{bucket}"
        if doc["Bucket"] != bucket:
            yield file, f"another bucket than {bucket}"
        for fault in resource_policy_faults(doc["Policy"], [arn, arn + "/*"]):
            yield file, fault
        others = [s for s in json.loads(doc["Policy"])["Statement"] if s["Sid"] == "NoOtherAccount"]
        if not others or others[0]["Condition"].get("StringNotEquals") != {"aws:PrincipalAccount": ACCOUNT}:
            yield file, "other accounts are let in"
    for name in ("s3/bucket-encryption.json", "s3/public-access-block.json", "s3/bucket-notification.json"):
        if docs[name].get("ExpectedBucketOwner") != ACCOUNT:
            yield name, "ExpectedBucketOwner is not the account"
    (rule,) = docs["s3/bucket-encryption.json"]["ServerSideEncryptionConfiguration"]["Rules"]
    if rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] not in ("AES256", "aws:kms"):
        yield "s3/bucket-encryption.json", "not encrypted"
    block = docs["s3/public-access-block.json"]["PublicAccessBlockConfiguration"]
    if len(block) != 4 or not all(block.values()):
        yield "s3/public-access-block.json", "not all four blocks are on"
    for name in ("firehose/delivery-stream.json", "firehose/delivery-stream-s3.json"):
        if not docs[name].get("DeliveryStreamEncryptionConfigurationInput"):
            yield name, "the stream is not encrypted"


def readme_faults(readme):
    """The commands of README.md, the roles that it creates, and the buckets that it protects."""
    commands = re.findall(r"^aws (\S+) (\S+) [^\n]*?--cli-input-json file://deploy/(\S+)", readme, re.M)
    for service, command, name in commands:
        expected = next((operation for glob, operation in INPUTS.items() if Path(name).match(glob)), ("", ""))
        service = {"s3api": "s3"}.get(service, service)
        if (service, command) != (expected[0], botocore.xform_name(expected[1], "-")):
            yield f"{service} {command} does not take {name}"
    if len(commands) < 20:
        yield "its commands are not found"
    lines = re.findall(r"^role (\S+) +(\S+) +(.+)$", readme, re.M)
    roles = {name: (trust, policies.split()) for name, trust, policies in lines}
    for name, policies in TASK_ROLES.items():
        if roles.get(name) != ("task-role", policies):
            yield f"the role {name} is not made of {', '.join(policies)}"
    for name in ("events", "backup"):
        for command in ("put-bucket-encryption", "put-public-access-block", "put-bucket-policy"):
            if not re.search(rf"{command} [^\n]*(\$b|{name})", readme):
                yield f"{command} is not run for the bucket of {name}"
    if "--alias-name alias/postmeter" not in readme:
        yield "the alias of the topic's key is not created"


def may_read(statements, secret):
    for statement in statements:
        if "secretsmanager:GetSecretValue" in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                pattern = re.escape(resource).replace(r"\?", ".").replace(r"\*", ".*")
                if re.fullmatch(pattern, secret):
                    return True
    return False


# --- the whole -------------------------------------------------------------------------


def check(root, models, release=False):
    """{file: [fault, …]} for every file in root/deploy."""
    deploy = root / "deploy"
    files = sorted(p.relative_to(deploy).as_posix() for p in deploy.rglob("*") if p.is_file())
    faults = {name: [] for name in files}
    docs = {}

    for name in files:
        if not name.endswith(".json"):
            continue
        try:
            docs[name] = json.loads((deploy / name).read_text())
        except ValueError as error:
            faults[name].append(f"no JSON: {error}")
            continue
        operation = next((op for glob, op in INPUTS.items() if Path(name).match(glob)), None)
        if operation:
            faults[name] += models.faults(*operation, docs[name])
        elif Path(name).match(POLICIES):
            faults[name] += policy_faults(name, docs[name])
        else:
            faults[name].append("nothing here says how to check this file")

    for glob in [*INPUTS, "Dockerfile", "README.md", POLICIES]:
        if not any(Path(name).match(glob) for name in files):
            faults[glob] = ["missing"]
    if "Dockerfile" in files:
        cargo_toml = (root / "Cargo.toml").read_text()
        dockerfile = (deploy / "Dockerfile").read_text()
        faults["Dockerfile"] += dockerfile_faults(dockerfile, cargo_toml, release)
        faults["Dockerfile"] += [f".dockerignore: {fault}" for fault in context_faults(root)]
    if "README.md" in files:
        readme = (deploy / "README.md").read_text()
        for name in files:
            folder = name.rpartition("/")[0]
            if name not in readme and f"{folder}/*.json" not in readme and name != "README.md":
                faults["README.md"].append(f"{name} is not mentioned")
        for name in re.findall(r"file://deploy/([\w./-]+\.json)", readme):
            if name not in files:
                faults["README.md"].append(f"{name} does not exist")
        faults["README.md"] += readme_faults(readme)

    # Files that are unsound alone are not compared.
    if not any(faults[name] for name in faults if name.endswith(".json")):
        try:
            for name, fault in agreement_faults(docs):
                faults.setdefault(name, []).append(fault)
        except (KeyError, IndexError, AttributeError, TypeError) as error:
            faults.setdefault("(agreement)", []).append(f"a member to compare is missing: {error!r}")
    return faults


def json_edit(change):
    def edit(text):
        doc = json.loads(text)
        change(doc)
        return json.dumps(doc)

    return edit


def container(change):
    return json_edit(lambda doc: change(doc["containerDefinitions"][0]))


def http(change):
    return json_edit(lambda doc: change(doc["HttpEndpointDestinationConfiguration"]))


def put(key, value):
    return lambda doc: doc.__setitem__(key, value)


def drop(key):
    return lambda doc: doc.pop(key)


def sub(old, new):
    return lambda text: text.replace(old, new)


TASK, STREAM = "ecs/task-definition.json", "firehose/delivery-stream.json"
PLANTED = [
    ("Dockerfile", "shell form ENTRYPOINT", sub('ENTRYPOINT ["/postmeter"]', "ENTRYPOINT /postmeter")),
    ("Dockerfile", "root", sub("USER 65532:65532", "USER 0")),
    ("Dockerfile", "no USER", sub("USER 65532:65532\n", "")),
    ("Dockerfile", "RUN in the final stage", sub("USER 65532:65532", "RUN true\nUSER 65532:65532")),
    ("Dockerfile", "not locked", sub("--release --locked", "--release")),
    ("Dockerfile", "shell in HEALTHCHECK", sub('CMD ["/postmeter", "healthcheck"]', "CMD curl localhost")),
    ("Dockerfile", "builder of a newer Debian", sub("slim-bookworm", "slim-trixie")),
    ("Dockerfile", "final image with a shell", sub("gcr.io/distroless/cc-debian12:nonroot", "debian:12-slim")),
    ("Dockerfile", "old compiler", sub("rust:1.95", "rust:1.60")),
    ("Dockerfile", "no SBOM", sub("cargo auditable build", "cargo build")),
    ("Dockerfile", "any cargo-auditable", sub(' --version "=${CARGO_AUDITABLE_VERSION}"', "")),
    ("Dockerfile", "a digest that is none", sub("cc-debian12:nonroot", "cc-debian12:nonroot@sha256:0123")),
    ("Dockerfile", "a port missing", sub("EXPOSE 8127 9127", "EXPOSE 8127")),
    (TASK, "broken JSON", sub('"family"', "family")),
    (TASK, "misspelt member", json_edit(lambda d: d.update(memmory=d.pop("memory")))),
    (TASK, "value outside the enum", json_edit(put("networkMode", "awsvpn"))),
    (TASK, "number for a string", json_edit(put("cpu", 256))),
    (TASK, "stopTimeout below the grace", container(put("stopTimeout", 30))),
    (TASK, "writable root", container(put("readonlyRootFilesystem", False))),
    (TASK, "capabilities kept", container(drop("linuxParameters"))),
    (TASK, "access key in plain sight", container(
        lambda c: c["environment"].append({"name": "POSTMETER__FIREHOSE__ACCESS_KEYS", "value": "k"}))),
    (TASK, "admin port mapped", container(lambda c: c["portMappings"].append({"containerPort": 9127}))),
    (TASK, "unreadable secret", sub("postmeter/access-keys", "other/access-keys")),
    (TASK, "another region", sub("eu-west-1", "us-east-1")),
    ("ecs/service.json", "another container", json_edit(
        lambda d: d["loadBalancers"][0].update(containerName="other"))),
    ("ecs/service.json", "no circuit breaker", json_edit(
        lambda d: d["deploymentConfiguration"].pop("deploymentCircuitBreaker"))),
    (STREAM, "http", sub("https://", "http://")),
    (STREAM, "retry beyond two hours", http(lambda c: c["RetryOptions"].update(DurationInSeconds=7201))),
    (STREAM, "no S3 backup", http(drop("S3Configuration"))),
    (STREAM, "another path", sub("/firehose\"", "/other\"")),
    ("ses/event-destination.json", "nine types", json_edit(
        lambda d: d["EventDestination"]["MatchingEventTypes"].pop())),
    ("ses/event-destination.json", "a type that is none", sub("RENDERING_FAILURE", "RENDERING_FAILED")),
    ("ses/event-destination.json", "another stream", sub("deliverystream/postmeter", "deliverystream/other")),
    ("sqs/queue.json", "anybody may send", sub("sns.amazonaws.com", "*")),
    ("sqs/queue.json", "any account's bucket", sub(',\\"StringEquals\\":{\\"aws:SourceAccount\\":\\"111122223333\\"}', "")),
    ("sqs/queue.json", "plain HTTP", sub("aws:SecureTransport", "aws:MultiFactorAuthPresent")),
    ("sqs/queue.json", "not encrypted", sub('"SqsManagedSseEnabled": "true"', '"SqsManagedSseEnabled": "false"')),
    ("sqs/queue.json", "no redrive", json_edit(lambda d: d["Attributes"].pop("RedrivePolicy"))),
    ("sqs/dead-letter-queue.json", "letters of any queue", sub("byQueue", "allowAll")),
    ("sqs/dead-letter-queue.json", "plain HTTP", json_edit(lambda d: d["Attributes"].pop("Policy"))),
    ("sqs/queue.json", "another topic", sub("ses-events", "other-events")),
    ("sns/subscription.json", "another queue", sub(":postmeter\"", ":other\"")),
    ("sns/subscription-https.json", "plain HTTP", sub("\"https\"", "\"http\"")),
    ("sns/subscription-https.json", "repeats for two hours", sub("\\\"numRetries\\\":50", "\\\"numRetries\\\":100")),
    ("sns/topic.json", "not encrypted", json_edit(lambda d: d["Attributes"].pop("KmsMasterKeyId"))),
    ("sns/topic.json", "a key that SES may not use", sub("alias/postmeter", "alias/aws/sns")),
    ("sns/topic.json", "plain HTTP", sub('\\"aws:SecureTransport\\":\\"false\\"', '\\"aws:SecureTransport\\":\\"true\\"')),
    ("kms/key.json", "SES of any account", sub("aws:SourceAccount", "aws:PrincipalAccount")),
    ("kms/key.json", "anybody's key", sub("arn:aws:iam::111122223333:root", "*")),
    ("s3/events-bucket-policy.json", "plain HTTP", sub("aws:SecureTransport", "aws:ViaAWSService")),
    ("s3/backup-bucket-policy.json", "objects by plain HTTP", sub(',\\"arn:aws:s3:::postmeter-backup-111122223333/*\\"', "")),
    ("s3/backup-bucket-policy.json", "other accounts", sub("StringNotEquals", "StringEquals")),
    ("s3/bucket-encryption.json", "no encryption", sub("AES256", "NONE")),
    ("s3/bucket-encryption.json", "anybody's bucket", json_edit(drop("ExpectedBucketOwner"))),
    ("s3/public-access-block.json", "public policies", sub('"BlockPublicPolicy": true', '"BlockPublicPolicy": false')),
    ("ec2/balancer-ingress.json", "port 80 too", sub('"FromPort": 443', '"FromPort": 80')),
    ("ec2/balancer-egress.json", "to anywhere", sub('"GroupId": "sg-0cccccccccccccccc"', '"GroupId": "sg-0eeeeeeeeeeeeeeee"')),
    ("ec2/task-ingress.json", "from anywhere", json_edit(
        lambda d: d["IpPermissions"][0].update(IpRanges=[{"CidrIp": "0.0.0.0/0"}]))),
    ("ec2/task-ingress-admin.json", "through the balancer", sub("sg-0eeeeeeeeeeeeeeee", "sg-0aaaaaaaaaaaaaaaa")),
    ("ec2/task-ingress-admin.json", "from anywhere", json_edit(
        lambda d: d["IpPermissions"][0].update(UserIdGroupPairs=[], IpRanges=[{"CidrIp": "10.0.0.0/8"}]))),
    ("ec2/task-egress.json", "every port", sub('"ToPort": 443', '"ToPort": 65535')),
    ("ec2/task-group.json", "misspelt member", sub('"VpcId"', '"VPCId"')),
    ("sns/topic.json", "another service", sub("ses.amazonaws.com", "sqs.amazonaws.com")),
    ("s3/bucket-notification.json", "an event that is none", sub("ObjectCreated:*", "ObjectMade:*")),
    ("firehose/delivery-stream-s3.json", "failures among the events", sub("failed/", "events/failed/")),
    ("ecs/task-definition-queue.json", "another queue", sub("111122223333/postmeter\"", "111122223333/other\"")),
    ("iam/task-role-queue-policy.json", "every queue", sub("arn:aws:sqs:eu-west-1:111122223333:postmeter", "*")),
    ("iam/task-role-queue-policy.json", "any account's queue", json_edit(lambda d: d["Statement"][0].pop("Condition"))),
    ("iam/task-role-objects-policy.json", "the whole bucket", sub("/events/*", "/*")),
    ("iam/task-role-objects-policy.json", "any account's bucket", json_edit(lambda d: d["Statement"][0].pop("Condition"))),
    ("iam/task-role-objects-policy.json", "writing too", sub('"s3:GetObject"', '["s3:GetObject", "s3:PutObject"]')),
    ("ecs/task-definition.json", "the role of another way in", sub("postmeter-task-firehose", "postmeter-task-objects")),
    ("README.md", "an input of another command", sub("authorize-security-group-egress", "authorize-security-group-ingress")),
    ("README.md", "a role with too much", sub("task-role task-role\n", "task-role task-role task-role-objects\n")),
    ("README.md", "a bucket without a policy", sub("put-bucket-policy", "get-bucket-policy")),
    ("alb/target-group.json", "readiness as health", sub("/livez", "/readyz")),
    ("alb/load-balancer-attributes.json", "invalid headers", sub('fields.enabled", "Value": "true"', 'fields.enabled", "Value": "false"')),
    ("alb/load-balancer-attributes.json", "desync let through", sub('"defensive"', '"monitor"')),
    ("firehose/delivery-stream-s3.json", "not encrypted", json_edit(drop("DeliveryStreamEncryptionConfigurationInput"))),
    ("alb/load-balancer-attributes.json", "idle timeout above keep_alive", sub('"60"', '"120"')),
    ("alarms/silence.json", "silence not breaching", sub('"breaching"', '"ignore"')),
    ("alarms/doubtful-counts.json", "unknown metric", sub('"DoubtfulCounts"', '"Doubtful"')),
    ("alarms/dropped-counts.json", "threshold of 100", json_edit(put("Threshold", 100))),
    ("iam/task-role-policy.json", "no namespace condition", json_edit(
        lambda d: d["Statement"][0].pop("Condition"))),
    ("iam/task-role-policy.json", "Action *", sub('"cloudwatch:PutMetricData"', '"*"')),
    ("iam/task-role-policy.json", "every CloudWatch action", sub("cloudwatch:PutMetricData", "cloudwatch:*")),
    ("iam/execution-role-policy.json", "every secret", json_edit(
        lambda d: d["Statement"][0].update(Resource="*"))),
    ("iam/firehose-role-trust.json", "confused deputy", json_edit(
        lambda d: d["Statement"][0].pop("Condition"))),
    ("iam/task-role-trust.json", "anyone", json_edit(lambda d: d["Statement"][0].update(Principal="*"))),
    ("iam/ses-firehose-role-policy.json", "old version", sub("2012-10-17", "2008-10-17")),
]  # fmt: skip


def release_is_checked(copy, models):
    """A release needs pinned images; pinning pins them all, and again with another digest."""
    path = copy / "deploy/Dockerfile"
    before = path.read_text()
    unpinned = pin_images.BASE.sub(lambda found: found[1] + found[2], before)
    found = []
    for text in (unpinned, *(pin_images.pinned(before, lambda _: f"sha256:{digit * 64}") for digit in "ab")):
        path.write_text(text)
        found.append([len(sum(check(copy, models, release).values(), [])) for release in (False, True)])
    path.write_text(before)
    is_right = found == [[0, 2], [0, 0], [0, 0]] and text.count("@sha256:b") == 2 and "sha256:a" not in text
    print(f"{'caught  ' if is_right else 'UNSEEN  '} Dockerfile: a release from images that are not pinned: {found}")
    return is_right


def self_test(models):
    unseen = 0
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch).resolve()
        shutil.copytree(ROOT / "deploy", copy / "deploy")
        shutil.copytree(ROOT / "src", copy / "src")
        for name in ("Cargo.toml", ".dockerignore"):
            shutil.copy(ROOT / name, copy / name)
        sound = sum(check(copy, models).values(), [])
        if sound:
            print(f"fault    the copy itself: {sound[0]}")
            return 1
        for name, what, edit in PLANTED:
            path = copy / "deploy" / name
            before = path.read_text()
            after = edit(before)
            path.write_text(after)
            found = sum(check(copy, models).values(), [])
            path.write_text(before)
            if found and after != before:
                print(f"caught   {name}: {what}: {found[0]}")
            else:
                unseen += 1
                print(f"UNSEEN   {name}: {what}{'' if after != before else ' (nothing was planted)'}")
        unseen += not release_is_checked(copy, models)
    print(f"{len(PLANTED) - unseen} of {len(PLANTED)} planted faults caught")
    return 1 if unseen else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--self-test", action="store_true", help="plant faults and expect to find them")
    args = parser.parse_args()
    models = Models()
    if args.self_test:
        return self_test(models)
    bad = 0
    release = os.environ.get("POSTMETER_RELEASE") == "1"
    for name, faults in sorted(check(ROOT, models, release).items()):
        bad += bool(faults)
        print(f"{'fault' if faults else 'ok':8} deploy/{name}{': ' if faults else ''}{'; '.join(faults)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
