#!/usr/bin/env python3
"""Runs the story of the SES API that a Markdown file tells, and compares what comes out.

  ses_api_story.py PAGE.md POSTMETER

In the fenced block marked `transcript`, a line that begins with `$ ` is a command, which goes on while
lines end in a backslash; the other lines are its whole output. It runs as a reader would type it, in an
empty folder, with a daemon of its own. MINUTE in the output is a minute since the start of the story.
"""

import datetime
import difflib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KEY = ("AKIDSTORY", "0123456789abcdef0123")
# As the story has them, by their names in the line that says that the daemon serves.
ADDRESSES = {"http": "127.0.0.1:8127", "admin": "127.0.0.1:9127", "ses_api": "127.0.0.1:8128"}
CONFIGURATION = f"""
definitions = "definitions.json"
[listen]
http = "127.0.0.1:0"
admin = "127.0.0.1:0"
[cloudwatch]
publish = "memory"
[telemetry]
log_format = "json"
[ses_api]
listen = "127.0.0.1:0"
access_keys = ["{':'.join(KEY)}"]
"""
PATIENCE = 60


class Fault(Exception):
    """The story cannot be told, or goes otherwise."""


# --- the text --------------------------------------------------------------------------


def transcript(text):
    """Commands with their outputs."""
    blocks = re.findall(r"^```transcript\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    if len(blocks) != 1:
        raise Fault(f"there are {len(blocks)} blocks marked ```transcript, not one")
    steps, goes_on = [], False
    for line in blocks[0].splitlines(keepends=True):
        if goes_on:
            steps[-1][0] += line
        elif line.startswith("$ "):
            steps.append([line[2:], ""])
        elif steps:
            steps[-1][1] += line
        else:
            raise Fault(f"output before the first command: {line}")
        is_command = goes_on or line.startswith("$ ")
        goes_on = is_command and line.endswith("\\\n")
    if not steps or goes_on:
        raise Fault("there is no command, or the last one does not end")
    return steps


def minutes(start):
    """The minutes from the start until now, as events are counted by them."""
    minute, now = start.replace(second=0, microsecond=0), datetime.datetime.now(datetime.timezone.utc)
    while minute <= now:
        yield minute.strftime("%Y-%m-%dT%H:%M:%SZ")
        minute += datetime.timedelta(minutes=1)


# --- the daemon ------------------------------------------------------------------------


def start(postmeter, folder):
    """Starts a daemon in a folder; gives its process and its log."""
    (folder / "postmeter.toml").write_text(CONFIGURATION)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("POSTMETER__")}
    with open(folder / "log", "wb") as log:
        command = [postmeter, "serve", "--config", "postmeter.toml"]
        return subprocess.Popen(command, cwd=folder, env=inherited, stdout=log, stderr=log)


def addresses(daemon, folder):
    """Where the daemon serves, as soon as it says so."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        ended = daemon.poll() is not None
        for line in (folder / "log").read_text().splitlines(keepends=True):
            if line.endswith("}\n") and json.loads(line).get("message") == "serving":
                return json.loads(line)
        if ended:
            break
        time.sleep(0.02)
    raise Fault(f"the daemon does not serve:\n{(folder / 'log').read_text()}")


def end(daemon):
    """Ends the daemon, in any case; gives its exit code."""
    daemon.send_signal(signal.SIGTERM)
    try:
        return daemon.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        daemon.kill()
        return daemon.wait()


# --- the story -------------------------------------------------------------------------


def environment(folder, api):
    """What a reader has: keys, a region, and where the API is; nothing of whoever runs this."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "NO_PROXY": "127.0.0.1",
        "AWS_ACCESS_KEY_ID": KEY[0],
        "AWS_SECRET_ACCESS_KEY": KEY[1],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_SES": f"http://{api}",
        "AWS_ENDPOINT_URL_SESV2": f"http://{api}",
    }


def type_in(command, folder, env):
    """What comes out of a command, errors too."""
    try:
        ran = subprocess.run(
            ["bash", "-c", command],
            check=False,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise Fault(f"$ {command}does not end within {PATIENCE} seconds") from None
    failed = f"exit code {ran.returncode}\n" if ran.returncode else ""
    return ran.stdout.decode() + failed


def tell(steps, serving, folder, began):
    env = environment(folder, serving["ses_api"])
    for command, expected in steps:
        typed = command
        for name, documented in ADDRESSES.items():
            typed = typed.replace(documented, serving[name])
        found = type_in(typed, folder, env)
        for minute in minutes(began):
            # Only where the story says so: another minute in its place is a difference.
            if "MINUTE" in expected:
                found = found.replace(minute, "MINUTE")
        if found != expected:
            lines = difflib.unified_diff(
                expected.splitlines(), found.splitlines(), "the story", "what comes out", lineterm=""
            )
            raise Fault(f"$ {command}" + "\n".join(lines))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    story, postmeter = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    began = datetime.datetime.now(datetime.timezone.utc)
    # Whoever is told to end must still end the daemon.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    with tempfile.TemporaryDirectory(prefix="ses-api-story-") as made:
        folder = Path(made)
        try:
            steps = transcript(story.read_text())
            daemon = start(postmeter, folder)
            try:
                tell(steps, addresses(daemon, folder), folder, began)
            finally:
                code = end(daemon)
            if code:
                raise Fault(f"the daemon ends with {code}:\n{(folder / 'log').read_text()}")
        except Fault as fault:
            sys.exit(f"{story}: {fault}")
    print(f"ok {len(steps)} commands")


if __name__ == "__main__":
    main()
