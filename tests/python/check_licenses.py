#!/usr/bin/env python3
"""Compares what `cargo metadata` says of every dependency with deny.toml: licences,
banned crates, sources. Prints one line, or one for each fault, and exits 1 on a fault.

A small part of cargo-deny, which takes minutes to compile. Both read deny.toml, so
what this knows of that file is checked too: an unknown key is a fault here.
"""

import argparse
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KNOWN_KEYS = {
    "graph": {"targets"},
    # Looked up by cargo-deny alone; here only the form of exceptions is checked.
    "advisories": {"unmaintained", "yanked", "ignore"},
    "licenses": {"allow"},
    "bans": {"multiple-versions", "wildcards", "deny"},
    "sources": {"unknown-registry", "unknown-git"},
}


def satisfied(expression, allowed):
    """Whether an SPDX expression (also with the old `/` for OR) can be met from `allowed`."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def any_of():
        met = all_of()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            met |= all_of()
        return met

    def all_of():
        met = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            met &= one()
        return met

    def one():
        token = tokens.pop(0)
        if token == "(":
            met = any_of()
            if tokens.pop(0) != ")":
                raise ValueError("no closing parenthesis")
            return met
        if token in (")", "AND", "OR", "WITH"):
            raise ValueError(f"{token} is out of place")
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token = f"{token} WITH {tokens.pop(0)}"
        return token in allowed

    met = any_of()
    if tokens:
        raise ValueError(f"{tokens[0]} is out of place")
    return met


def metadata(targets):
    """{id: package} over all targets that we ship for."""
    packages = {}
    for target in targets:
        command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
        found = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE)
        if found.returncode != 0:  # cargo has said why
            sys.exit(f"{' '.join(command)}: exit {found.returncode}")
        packages |= {package["id"]: package for package in json.loads(found.stdout)["packages"]}
    return list(packages.values())


def faults(packages, deny):
    for section, keys in deny.items():
        for key in keys:
            if key not in KNOWN_KEYS.get(section, ()):
                yield f"deny.toml: {section}.{key} is not known to this check"
    for exception in deny.get("advisories", {}).get("ignore", ()):
        if not isinstance(exception, dict) or not exception.get("reason"):
            yield f"deny.toml: advisories.ignore: {exception} gives no reason"
    allowed = set(deny["licenses"]["allow"])
    banned = {ban["crate"]: ban.get("use-instead") for ban in deny["bans"]["deny"]}
    for package in packages:
        name = f"{package['name']} {package['version']}"
        licence = package["license"]
        try:
            if not licence:
                yield f"{name}: no licence expression"
            elif not satisfied(licence, allowed):
                yield f"{name}: licence {licence} is not allowed by deny.toml"
        except (ValueError, IndexError) as error:
            yield f"{name}: cannot read licence {licence!r}: {error}"
        if package["name"] in banned:
            yield f"{name}: banned; use {banned[package['name']]}"
        source = package["source"]
        if source is None:
            if Path(package["manifest_path"]).parent != ROOT:
                yield f"{name}: a path outside this package"
            for dependency in package["dependencies"]:
                if dependency["req"] == "*":
                    yield f"{name}: wildcard version of {dependency['name']}"
        elif not source.startswith("registry+") or not source.endswith("/crates.io-index"):
            yield f"{name}: from {source}, not from crates.io"


def self_test():
    allowed = {"MIT", "Apache-2.0", "ISC"}
    for expression, expected in {
        "MIT": True,
        "GPL-3.0-only": False,
        "GPL-3.0-only OR MIT": True,
        "MIT AND GPL-3.0-only": False,
        "MIT/GPL-3.0-only": True,
        "ISC AND (Apache-2.0 OR GPL-3.0-only)": True,
        "GPL-3.0-only OR MIT AND ISC": True,
        "(GPL-3.0-only OR MIT) AND OpenSSL": False,
        "Apache-2.0 WITH LLVM-exception": False,
    }.items():
        assert satisfied(expression, allowed) is expected, expression
    sound = {"name": "a", "version": "1.0.0", "license": "MIT", "source": "registry+x/crates.io-index"}
    deny = {"licenses": {"allow": ["MIT"]}, "bans": {"deny": [{"crate": "openssl"}]}}
    assert not list(faults([sound], deny))
    assert list(faults([sound], deny | {"advisories": {"ignore": ["RUSTSEC-2026-0001"]}}))
    for planted in (
        {"license": "GPL-3.0-only"},
        {"license": None},
        {"license": "MIT OR"},
        {"name": "openssl"},
        {"source": "git+x"},
        {"source": "registry+x/other"},
    ):
        assert list(faults([sound | planted], deny)), planted


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    self_test()
    deny = tomllib.loads((ROOT / "deny.toml").read_text())
    packages = metadata(deny["graph"]["targets"])
    found = list(faults(packages, deny))
    for fault in found:
        print(fault)
    twice = sorted(name for name, n in Counter(p["name"] for p in packages).items() if n > 1)
    if not found:
        print(f"{len(packages)} packages: licences, bans and sources as deny.toml asks")
        print(f"in several versions (allowed): {', '.join(twice) or 'none'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
