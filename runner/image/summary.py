#!/usr/bin/env python3
"""What an OCI layout holds, as a table: summary.py LAYOUT ARCHIVE. Fails if an image is larger than it may be."""

import json
import sys
from pathlib import Path

# Bytes of an image as it is pulled: its compressed layers, its configuration and its manifest.
LIMIT = 25_000_000


def main():
    layout, archive = map(Path, sys.argv[1:])

    def blob(digest):
        return json.loads((layout / "blobs" / digest.replace(":", "/")).read_text())

    top = json.loads((layout / "index.json").read_text())["manifests"][0]
    print("\n| image | digest | compressed | limit | |\n|---|---|---|---|---|")
    print(f"| all | {top['digest']} | {archive.stat().st_size / 1e6:.2f} MB | | {archive} |")
    missed = False
    for entry in blob(top["digest"])["manifests"]:
        manifest = blob(entry["digest"])
        size = entry["size"] + manifest["config"]["size"] + sum(layer["size"] for layer in manifest["layers"])
        missed |= size >= LIMIT
        verdict = "pass" if size < LIMIT else "MISS"
        platform = entry["platform"]["os"] + "/" + entry["platform"]["architecture"]
        print(f"| {platform} | {entry['digest']} | {size / 1e6:.2f} MB | {LIMIT / 1e6:.0f} MB | {verdict} |")
    return missed


if __name__ == "__main__":
    sys.exit(main())
