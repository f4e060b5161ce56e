#!/usr/bin/env python3
"""A delivery stream of moto that delivers to an HTTP endpoint what stdin has, 100 lines a request.

  moto_firehose.py URL
"""

import itertools
import sys

import boto3
from moto import mock_aws


@mock_aws
def main(url):
    client = boto3.client(
        "firehose", region_name="us-east-1", aws_access_key_id="AKID", aws_secret_access_key="s"
    )
    client.create_delivery_stream(
        DeliveryStreamName="ses",
        HttpEndpointDestinationConfiguration={
            "EndpointConfiguration": {"Url": url, "Name": "postmeter"},
            "S3Configuration": {
                "RoleARN": "arn:aws:iam::123456789012:role/any",
                "BucketARN": "arn:aws:s3:::any",
            },
        },
    )
    while batch := list(itertools.islice(sys.stdin.buffer, 100)):
        records = [{"Data": line} for line in batch]
        answer = client.put_record_batch(DeliveryStreamName="ses", Records=records)
        assert answer["FailedPutCount"] == 0, answer


if __name__ == "__main__":
    main(sys.argv[1])
