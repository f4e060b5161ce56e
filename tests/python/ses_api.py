#!/usr/bin/env python3
"""Checks the SES API of a running postmeter as clients meet it: boto3 for both versions, and signed
HTTP where boto3 would not do what an attacker does. One line a check; exit 1 at the first fault.

  ses_api.py URL      AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: a key that may change everything
                      READ_ONLY_KEY=ID:SECRET: one that may read
                      RATE_LIMITED_URL, if given: a second daemon with requests_per_second = 1
                      LOCK_FILE, if given: what the daemon locks while it changes its definitions

The daemon must have no configuration sets; none is left behind. postmeter needs many requests a
second here: requests_per_second = 10000.
"""

import os
import signal
import sys
import traceback

from botocore.credentials import Credentials
from ses_api_checks import (
    destinations,
    edges,
    extensions,
    hostile,
    lists,
    sets,
    signatures,
    version1,
)
from ses_api_checks.support import Api, Fault, brief

MODULES = (sets, lists, destinations, edges, version1, signatures, hostile, extensions)
WHOLE_PATIENCE = 240


def checks():
    """All of them, in their order."""
    named = [one for module in MODULES for one in vars(module).values()]
    return [one for one in named if getattr(one, "is_check", False)]


def too_long(*_):
    raise Fault(f"not done after {WHOLE_PATIENCE} seconds")


def run(api, one):
    """Runs a check; gives what is wrong, if anything, and why it was passed over, if it was."""
    try:
        return None, one(api)
    except Fault as fault:
        return str(fault), None
    except Exception:
        return traceback.format_exc(), None
    finally:
        api.delete_everything()


def main():
    [url] = sys.argv[1:]
    key = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    api = Api(url.rstrip("/"), key, Credentials(*os.environ["READ_ONLY_KEY"].split(":", 1)))
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(WHOLE_PATIENCE)
    if api.names():
        sys.exit(f"{url} has configuration sets already: {brief(api.names())}")
    for one in checks():
        name = one.__name__.replace("_", " ")
        fault, passed_over = run(api, one)
        if fault is not None:
            print(f"FAULT {name}: {fault}", flush=True)
            sys.exit(1)
        note = f" (passed over: {passed_over})" if passed_over else ""
        print(f"ok {name}{note}", flush=True)


if __name__ == "__main__":
    main()
