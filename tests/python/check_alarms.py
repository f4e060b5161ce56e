#!/usr/bin/env python3
"""Checks alarms: FOLDER has `template.json` (CloudFormation) and `commands.sh` (AWS CLI).

The template is linted by cfn-lint, the input of each command is validated against
botocore's model of PutMetricAlarm, and both have the same alarms. Offline. One line for
each thing that is checked; exit 1 on a fault.
"""

import json
import shlex
import subprocess
import sys
from pathlib import Path

from check_deploy import Models

COMMAND = ["aws", "cloudwatch", "put-metric-alarm", "--cli-input-json"]


def main(folder):
    template = folder / "template.json"
    lint = subprocess.run(
        [Path(sys.executable).parent / "cfn-lint", "--regions", "us-east-1", "--", template],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if lint.returncode:
        return [f"cfn-lint: {lint.stdout}{lint.stderr}"]
    resources = json.loads(template.read_text())["Resources"].values()
    wanted = {resource["Properties"]["AlarmName"]: resource["Properties"] for resource in resources}
    print(f"ok {len(wanted)} resources")

    models = Models()
    faults = []
    seen = 0
    for line in (folder / "commands.sh").read_text().splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[:4] != COMMAND or len(words) != 5:
            faults.append(f"not a command: {line}")
            continue
        alarm = json.loads(words[4])
        found = models.faults("cloudwatch", "PutMetricAlarm", alarm)
        faults += [f"{alarm['AlarmName']}: {fault}" for fault in found]
        if wanted.get(alarm["AlarmName"]) != alarm:
            faults.append(f"{alarm['AlarmName']}: not the alarm of the template")
        seen += 1
    if seen != len(wanted):
        faults.append(f"{seen} commands for {len(wanted)} resources")
    print(f"ok {seen} commands")

    # What is checked must be able to fail.
    broken = dict(next(iter(wanted.values())), TreatMissingData=7)
    if not models.faults("cloudwatch", "PutMetricAlarm", broken):
        faults.append("a broken alarm was not noticed")
    return faults


if __name__ == "__main__":
    FAULTS = main(Path(sys.argv[1]))
    for fault in FAULTS:
        print(fault, file=sys.stderr)
    sys.exit(bool(FAULTS))
