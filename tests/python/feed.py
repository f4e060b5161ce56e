#!/usr/bin/env python3
"""Feeds a queue of an AWS emulator as AWS would, by botocore, and prints the queue's URL.

  feed.py ENDPOINT sns       a topic, subscribed by the queue; one message for each line of stdin
  feed.py ENDPOINT sns-raw   the same with raw delivery
  feed.py ENDPOINT s3 N      a bucket that notifies the queue; N gzip objects of the lines of stdin
"""

import gzip
import json
import sys
import time

import botocore.session

BATCH = 10


def client(endpoint, service):
    return botocore.session.get_session().create_client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKID",
        aws_secret_access_key="secret",
    )


def main():
    endpoint, way, *more = sys.argv[1:]
    lines = sys.stdin.read().splitlines()
    sqs = client(endpoint, "sqs")
    url = sqs.create_queue(QueueName=f"mail-{way}")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    queue = attributes["Attributes"]["QueueArn"]
    if way == "s3":
        s3 = client(endpoint, "s3")
        s3.create_bucket(Bucket="mail")
        s3.put_bucket_notification_configuration(
            Bucket="mail",
            NotificationConfiguration={
                "QueueConfigurations": [{"QueueArn": queue, "Events": ["s3:ObjectCreated:*"]}]
            },
        )
        objects = int(more[0])
        for at in range(objects):
            text = "".join(line + "\n" for line in lines[at::objects])
            key = f"events/{time.strftime('%Y/%m/%d/%H', time.gmtime())}/postmeter archive+{at}.gz"
            s3.put_object(Bucket="mail", Key=key, Body=gzip.compress(text.encode(), 1))
    else:
        sns = client(endpoint, "sns")
        topic = sns.create_topic(Name=f"ses-events-{way}")["TopicArn"]
        raw = {"RawMessageDelivery": json.dumps(way == "sns-raw")}
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes=raw)
        for start in range(0, len(lines), BATCH):
            entries = [
                {"Id": str(at), "Message": line, "Subject": "Amazon SES Email Event Notification"}
                for at, line in enumerate(lines[start : start + BATCH])
            ]
            answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
            assert not answer.get("Failed"), answer
    print(url)


if __name__ == "__main__":
    main()
