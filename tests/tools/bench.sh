#!/usr/bin/env bash
# Puts the clients that `make bench` compares with into .tools: oha, built by cargo; wrk has to be installed. With the
# argument `peers` also those of `make bench-peers`: upstream's inference-perf in an environment of its own, and vLLM's
# benchmark client in Rust out of its wheel (some 340 MB to download). Skips what is there.
set -euo pipefail
oha=1.16.0 upstream=0.7.0 vllm=0.33.0
here=$(cd "$(dirname "$0")" && pwd)
tools=$here/../../.tools
mkdir -p "$tools"
tools=$(cd "$tools" && pwd)
if ! command -v wrk >/dev/null; then
  printf 'missing: wrk\ninstall with: apt-get install wrk\n' >&2
  exit 1
fi
if [ ! -x "$tools/oha/bin/oha" ]; then
  echo "building oha $oha"
  CARGO_TARGET_DIR=$tools/oha/build \
    cargo install --locked --quiet --version "$oha" --no-default-features --features rustls --root "$tools/oha" oha
  rm -rf "$tools/oha/build"
fi
[ "${1:-}" = peers ] || exit 0

peers=$tools/peers
mkdir -p "$peers"
if [ ! -x "$peers/inference-perf/bin/inference-perf" ]; then
  echo "installing inference-perf $upstream"
  python3 -m venv "$peers/inference-perf"
  # It asks for Python 3.12 and runs on 3.11, which Debian 12 has; what it needs has to fit the Python that is there.
  "$peers/inference-perf/bin/python" -m pip install --quiet --disable-pip-version-check --ignore-requires-python --no-deps \
    "inference-perf==$upstream"
  "$peers/inference-perf/bin/python" - > "$peers/requirements.txt" <<'PYTHON'
from importlib.metadata import requires
print(*(line for line in requires("inference-perf") if "extra ==" not in line), sep="\n")
PYTHON
  "$peers/inference-perf/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$peers/requirements.txt"
fi
if [ ! -x "$peers/vllm-rs" ]; then
  echo "fetching vLLM's client $vllm"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  python3 -m venv "$work/venv"
  "$work/venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --dest "$work" "vllm==$vllm"
  "$work/venv/bin/python" -m zipfile -e "$work"/vllm-*.whl "$work/wheel"
  install -m 755 "$work/wheel/vllm/vllm-rs" "$peers/vllm-rs"
fi
