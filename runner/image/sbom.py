#!/usr/bin/env python3
"""The inventory of an image, as CycloneDX 1.5 JSON: sbom.py ARCH PROGRAMS PACKAGE.deb… > sbom.cdx.json

Crates are those that are linked into the two programs: what `cargo metadata` resolves for the target, over normal
dependencies, without macros, which run in the compiler. Beside them stand the libraries that no crate is, and Debian's
packages. No time and no random number is in it: the same image has the same inventory.
"""

import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import quote

ROOTS = ("inference-perf", "benchmark-render")
TARGETS = {"amd64": "x86_64-unknown-linux-musl", "arm64": "aarch64-unknown-linux-musl"}


def crates(target):
    """Packages linked into the programs by id, and for each the ids of those that it uses."""
    command = ["cargo", "metadata", "--locked", "--format-version=1", f"--filter-platform={target}"]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node["deps"] for node in metadata["resolve"]["nodes"]}

    def linked(identity):
        return not any("proc-macro" in part["kind"] for part in packages[identity]["targets"])

    def uses(identity):
        normal = (use["pkg"] for use in nodes[identity] if any(kind["kind"] is None for kind in use["dep_kinds"]))
        return sorted(used for used in normal if linked(used))

    todo = [identity for identity, package in packages.items() if package["name"] in ROOTS and package["source"] is None]
    graph = {}
    while todo:
        identity = todo.pop()
        if identity not in graph:
            graph[identity] = uses(identity)
            todo += graph[identity]
    return packages, graph


def checksums():
    """SHA-256 of each crate's archive, by name and version."""
    lock = tomllib.loads(Path("Cargo.lock").read_text())
    return {(p["name"], p["version"]): p["checksum"] for p in lock["package"] if "checksum" in p}


def crate(package, checksum):
    purl = f"pkg:cargo/{package['name']}@{package['version']}"
    component = {
        "type": "application" if package["name"] in ROOTS else "library",
        "bom-ref": purl,
        "name": package["name"],
        "version": package["version"],
        "purl": purl,
        "scope": "required",
    }
    if package["license"]:
        # Old manifests write a slash for OR.
        expression = package["license"].replace(" / ", " OR ").replace("/", " OR ")
        component["licenses"] = [{"expression": expression}]
    if checksum:
        component["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        component["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return component


def compiled_in(toolchain):
    """Rust's standard library, and what zig links besides: musl and LLVM's libunwind."""
    versions = dict(line.split() for line in toolchain.read_text().splitlines())
    rust, zig = versions["rust-std"], versions["zig"]
    for name, version, licence, purl in (
        ("rust-std", rust, "MIT OR Apache-2.0", f"pkg:generic/rust-std@{rust}"),
        ("musl", f"of zig {zig}", "MIT", f"pkg:pypi/ziglang@{zig}#libc/musl"),
        ("libunwind", f"of zig {zig}", "Apache-2.0 WITH LLVM-exception", f"pkg:pypi/ziglang@{zig}#libunwind"),
    ):
        yield {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": version,
            "licenses": [{"expression": licence}],
            "purl": purl,
        }


def debian(path, licences):
    fields = subprocess.run(
        ["dpkg-deb", "--show", "--showformat=${Package}\n${Version}\n${Architecture}", path],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.split("\n")
    name, version, architecture = fields
    purl = f"pkg:deb/debian/{name}@{quote(version, safe='')}?arch={architecture}"
    return {
        "type": "application" if name.startswith("busybox") else "data",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "licenses": [{"expression": licences[name]}],
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(Path(path).read_bytes()).hexdigest()}],
    }


def main():
    arch, programs, *packages = sys.argv[1:]
    known, graph = crates(TARGETS[arch])
    sums = checksums()
    parts = [crate(known[i], sums.get((known[i]["name"], known[i]["version"]))) for i in graph]
    references = {identity: f"pkg:cargo/{known[identity]['name']}@{known[identity]['version']}" for identity in graph}
    libraries = list(compiled_in(Path(programs) / "toolchain"))
    licences = {"busybox-static": "GPL-2.0-only", "ca-certificates": "GPL-2.0-or-later AND MPL-2.0"}
    system = [debian(path, licences) for path in sorted(packages)]
    programs_of = sorted(references[i] for i in graph if known[i]["name"] in ROOTS)
    version = next(known[i]["version"] for i in graph if known[i]["name"] == ROOTS[0])
    image = f"pkg:oci/inference-perf?arch={arch}"
    uses = {references[i]: sorted(references[used] for used in graph[i]) for i in graph}
    for program in programs_of:
        uses[program] += [library["bom-ref"] for library in libraries]
    uses[image] = programs_of + [package["bom-ref"] for package in system]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {"type": "container", "bom-ref": image, "name": "inference-perf", "version": version, "purl": image},
            "properties": [{"name": "commit", "value": os.environ.get("REVISION", "unknown")}],
        },
        "components": sorted(parts + libraries + system, key=lambda part: part["bom-ref"]),
        "dependencies": [{"ref": ref, "dependsOn": on} for ref, on in sorted(uses.items())],
    }
    json.dump(document, sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
