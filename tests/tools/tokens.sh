#!/usr/bin/env bash
# Fetches the named packages, which ship tokenizers, and transformers into .tools/tokens, and compares the token ids of both.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=.tools/tokens
mkdir -p "$folder"
if [ ! -x "$folder/venv/bin/python" ]; then
  python3 -m venv "$folder/venv"
fi
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check transformers==5.13.0
for package in "$@"; do
  "$folder/venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder" "$package"
done
"$folder/venv/bin/python" tests/tools/tokens.py oracle target/debug/tokens "$folder"
