#!/usr/bin/env python3
"""Reads the list of dependencies that cargo-auditable wrote into a program (the ELF section
`.dep-v0`: JSON, compressed by zlib) and compares it with Cargo.lock; exit 1 on a difference.
"""

import json
import struct
import sys
import tomllib
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECTION = b".dep-v0"
# The list of this project has some 40 kB.
LIST_BYTES_MAX = 8 << 20


def section(program, name):
    """The bytes of a section of a 64-bit little-endian ELF file."""
    if program[:6] != b"\x7fELF\x02\x01":
        raise ValueError("not a 64-bit little-endian ELF file")
    (offset,) = struct.unpack_from("<Q", program, 0x28)
    size, count, names = struct.unpack_from("<HHH", program, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", program, offset + at * size) for at in range(count)]
    start = headers[names][4]
    for header in headers:
        at = start + header[0]
        if program[at : program.index(b"\0", at)] == name:
            return program[header[4] : header[4] + header[5]]
    raise ValueError(f"no section {name.decode()}: not built by cargo auditable")


def packages(program):
    text = zlib.decompressobj().decompress(section(program, SECTION), LIST_BYTES_MAX)
    return json.loads(text)["packages"]


def main():
    found = packages(Path(sys.argv[1]).read_bytes())
    listed = {(one["name"], one["version"]) for one in found}
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    locked = {(one["name"], one["version"]) for one in lock}
    roots = [one["name"] for one in found if one.get("root")]
    faults = [f"{name} {version} is not in Cargo.lock" for name, version in sorted(listed - locked)]
    if roots != ["postmeter"]:
        faults.append(f"the root is {roots}, not postmeter")
    names = {name for name, _ in listed}
    faults += [f"{name} is not listed" for name in ("tokio", "hyper", "rustls", "serde_json") if name not in names]
    for fault in faults:
        print(f"fault    {sys.argv[1]}: {fault}")
    print(f"{len(found)} packages are listed in {sys.argv[1]}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
