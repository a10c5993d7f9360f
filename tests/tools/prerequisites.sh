#!/usr/bin/env bash
# Says what this machine lacks to build and test the project, with the one command that installs it; fails if anything does.
set -u
apt_line='apt-get install build-essential ca-certificates chromium git prometheus python3-venv'
missing=()
need() { # what a user would look for, command that proves it
  local what=$1; shift
  "$@" >/dev/null 2>&1 || missing+=("$what")
}
need 'a C compiler (build-essential)' cc --version
need 'make (build-essential)' make --version
need 'git' git --version
need 'prometheus' prometheus --version
need 'chromium' chromium --version
need 'python3 with venv and pip (python3-venv)' python3 -c 'import venv, ensurepip'
need 'CA certificates (ca-certificates)' test -s /etc/ssl/certs/ca-certificates.crt
if [ ${#missing[@]} -gt 0 ]; then
  printf 'missing: %s\n' "${missing[@]}" >&2
  printf 'install with: %s\n' "$apt_line" >&2
fi
wanted=1.95
found=$(rustc --version 2>/dev/null | cut -d' ' -f2)
if ! cargo --version >/dev/null 2>&1 || [ "$(printf '%s\n' "$wanted" "${found:-0}" | sort -V | head -1)" != "$wanted" ]; then
  missing+=(cargo)
  printf 'missing: a Rust toolchain of version %s or later (see rustup.rs); found: %s\n' "$wanted" "${found:-none}" >&2
fi
[ ${#missing[@]} -eq 0 ]
