"""Counts Firehose requests as a careful script would: the outside yardstick of `serve`.

  python_loop.py DEFINITIONS REQUESTS SECONDS

REQUESTS has the bodies, each behind its length in eight bytes. Prints the number of events and the
seconds of CPU.
"""

import base64
import collections
import gzip
import json
import sys
import time


def read(path):
    with open(path, "rb") as file:
        while head := file.read(8):
            yield file.read(int.from_bytes(head, "big"))


def rules(path):
    """The destinations of each set, by the event types that they match."""
    with open(path) as file:
        document = json.load(file)
    sets = {}
    for one in document["ConfigurationSets"]:
        of_type = collections.defaultdict(list)
        for destination in one["EventDestinations"]:
            dimensions = [
                (of["DimensionName"], of["DimensionValueSource"], of["DefaultDimensionValue"])
                for of in destination["CloudWatchDestination"]["DimensionConfigurations"]
            ]
            for event_type in destination["MatchingEventTypes"]:
                of_type[event_type.replace("_", "").lower()].append(dimensions)
        sets[one["ConfigurationSetName"]] = of_type
    return sets


def value(event, name, source, default):
    mail = event["mail"]
    if source == "MESSAGE_TAG":
        values = mail.get("tags", {}).get(name)
    elif source == "LINK_TAG":
        values = (event.get("click", {}).get("linkTags") or {}).get(name)
    else:
        name = name.lower()
        headers = mail.get("headers", ())
        values = [one["value"] for one in headers if one["name"].lower() == name]
    return values[0] if values else default


def count(body, sets, counts):
    if body[:2] == b"\x1f\x8b":
        body = gzip.decompress(body)
    records = json.loads(body)["records"]
    for record in records:
        event = json.loads(base64.b64decode(record["data"]))
        event_type = event["eventType"].replace(" ", "")
        block = event.get(event_type[0].lower() + event_type[1:], {})
        minute = block.get("timestamp", event["mail"]["timestamp"])[:16]
        of_type = sets[event["mail"]["tags"]["ses:configuration-set"][0]]
        for dimensions in of_type[event_type.lower()]:
            values = tuple(value(event, *dimension) for dimension in dimensions)
            counts[event_type, minute, values] += 1
    return len(records)


def main(definitions, requests, seconds):
    sets, bodies = rules(definitions), list(read(requests))
    counts, events = collections.Counter(), 0
    started, cpu = time.monotonic(), time.process_time()
    while time.monotonic() - started < float(seconds):
        for body in bodies:
            events += count(body, sets, counts)
    print(events, time.process_time() - cpu)


if __name__ == "__main__":
    main(*sys.argv[1:])
