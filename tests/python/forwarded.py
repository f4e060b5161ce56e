#!/usr/bin/env python3
"""Targets of forwarded events in an AWS emulator, and what came to them, by botocore.

  forwarded.py ENDPOINT make       a delivery stream that writes to a bucket, a topic and a bus rule that
                                   feed a queue each; prints the destinations of a definitions document
  forwarded.py ENDPOINT read N     waits for N events at each, and prints them: a list of texts by service
"""

import json
import sys
import time

from feed import client

ACCOUNT = "000000000000"
BUCKET, STREAM, TOPIC, RULE = "forwarded", "forwarded", "forwarded", "forwarded"
PATIENCE = 60


def make(endpoint):
    role = f"arn:aws:iam::{ACCOUNT}:role/any"
    client(endpoint, "s3").create_bucket(Bucket=BUCKET)
    stream = client(endpoint, "firehose").create_delivery_stream(
        DeliveryStreamName=STREAM,
        ExtendedS3DestinationConfiguration={
            "RoleARN": role,
            "BucketARN": f"arn:aws:s3:::{BUCKET}",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
        },
    )["DeliveryStreamARN"]
    sqs, sns, events = (client(endpoint, name) for name in ("sqs", "sns", "events"))
    queues = {}
    for name in ("sns", "event_bridge"):
        url = sqs.create_queue(QueueName=f"forwarded-{name}")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        queues[name] = attributes["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name=TOPIC)["TopicArn"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queues["sns"], Attributes=raw)
    events.put_rule(Name=RULE, EventPattern=json.dumps({"source": ["postmeter.ses"]}))
    events.put_targets(Rule=RULE, Targets=[{"Id": "1", "Arn": queues["event_bridge"]}])
    bus = events.describe_event_bus(Name="default")["Arn"]
    return [
        {"KinesisFirehoseDestination": {"DeliveryStreamArn": stream, "IamRoleArn": role}},
        {"SnsDestination": {"TopicArn": topic}},
        {"EventBridgeDestination": {"EventBusArn": bus}},
    ]


def drain(endpoint, name, number):
    sqs = client(endpoint, "sqs")
    url = sqs.get_queue_url(QueueName=f"forwarded-{name}")["QueueUrl"]
    bodies, deadline = [], time.monotonic() + PATIENCE
    while len(bodies) < number and time.monotonic() < deadline:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        messages = answer.get("Messages", [])
        bodies += [message["Body"] for message in messages]
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


def objects(endpoint, number):
    s3, deadline = client(endpoint, "s3"), time.monotonic() + PATIENCE
    while True:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        texts = (s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode() for key in keys)
        lines = [line + "\n" for text in texts for line in text.splitlines()]
        if len(lines) >= number or time.monotonic() > deadline:
            return lines
        time.sleep(0.1)


def main():
    endpoint, way, *more = sys.argv[1:]
    if way == "make":
        print(json.dumps(make(endpoint)))
        return
    number = int(more[0])
    # A bus carries events as JSON, not as bytes.
    details = [json.loads(body) for body in drain(endpoint, "event_bridge", number)]
    assert all(event["detail-type"].startswith("Email ") for event in details), details[:1]
    found = {
        "firehose": objects(endpoint, number),
        "sns": drain(endpoint, "sns", number),
        "event_bridge": [json.dumps(event["detail"]) for event in details],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
