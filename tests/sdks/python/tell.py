#!/usr/bin/env python3
"""Tells a story by boto3: reads steps on stdin, makes each call at the endpoint that is given, and
prints what each gave, one JSON value a line. Nothing but the endpoint is configured, so the retries
are those that everybody has.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore import xform_name
from botocore.exceptions import ClientError

CLIENTS = {name: boto3.client(name, endpoint_url=sys.argv[1]) for name in ("ses", "sesv2")}


def call(step, n):
    own = json.loads(json.dumps(step["with"]).replace("{n}", str(n)))
    client = CLIENTS[step.get("service", "sesv2")]
    try:
        return {"gave": getattr(client, xform_name(step["call"]))(**own)}
    except ClientError as error:
        return {"error": error.response["Error"]["Code"], "message": str(error)}


def main():
    with ThreadPoolExecutor(100) as pool:
        for step in json.load(sys.stdin):
            calls = [pool.submit(call, step, n) for n in range(step.get("times", 1))]
            print(json.dumps([one.result() for one in calls]), flush=True)


main()
