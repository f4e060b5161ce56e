#!/usr/bin/env python3
"""Pins the base images of a Dockerfile by digest: `ARG …_IMAGE=name:tag` becomes `name:tag@sha256:…`.

  pin_images.py DOCKERFILE      asks the registries through `docker buildx imagetools inspect`

The digest is that of the multi-platform index, so one pin serves amd64 and arm64. An image that is
pinned already is looked up again by its tag: running this is also how a base is updated.
"""

import re
import subprocess
import sys
from pathlib import Path

BASE = re.compile(r"^(ARG \w+_IMAGE=)([^@\s]+:[^@\s]+)(@\S+)?$", re.M)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest(image):
    """The digest that the registry has for a tag now."""
    command = ["docker", "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    found = answer.stdout.strip()
    if answer.returncode or not DIGEST.fullmatch(found):
        sys.exit(f"no digest of {image}: {(answer.stderr or answer.stdout).strip() or 'empty output'}")
    return found


def pinned(text, look_up):
    """The Dockerfile with every base image pinned; `look_up` gives the digest of a tag."""
    return BASE.sub(lambda found: f"{found[1]}{found[2]}@{look_up(found[2])}", text)


def main():
    path = Path(sys.argv[1])
    before = path.read_text()
    after = pinned(before, digest)
    path.write_text(after)
    for found in BASE.finditer(after):
        print(f"{found[2]}{found[3]}")


if __name__ == "__main__":
    try:
        main()
    except FileNotFoundError as error:
        sys.exit(f"cannot run docker: {error}")
