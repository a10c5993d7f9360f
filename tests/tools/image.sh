#!/usr/bin/env bash
# Starts the image that `make image` made in all the ways in which users start it, each time for a short benchmark against
# the simulator, and looks at the reports that come out of it: image.sh [FOLDER]
# Needs root, buildah, and qemu-user-static for the arm64 image. Ends with a table; fails if a line of it does.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$(realpath -m "${1:-$root/target/container}")
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -1)
store=(--root "$out/store" --runroot "$out/store-run" --storage-driver vfs)
case $(uname -m) in x86_64) native=amd64 ;; aarch64) native=arm64 ;; *) echo "no image for $(uname -m)" >&2; exit 1 ;; esac
image=localhost/inference-perf:$version-$native
program=$out/$native/rootfs/usr/local/bin/inference-perf
for needed in buildah unshare chroot python3; do
  command -v "$needed" > /dev/null || { echo "missing: $needed; install with: apt-get install buildah qemu-user-static" >&2; exit 1; }
done
[ -x "$program" ] || { echo "$program is missing: make image first" >&2; exit 1; }

work=$(mktemp -d)
chmod 755 "$work"
containers=()
clean() {
  [ -z "${server:-}" ] || kill "$server" 2> /dev/null
  for container in "${containers[@]}"; do
    buildah "${store[@]}" rm "$container" > /dev/null
  done
  rm -rf "$work"
}
trap clean EXIT
rows=()
failed=0

# The server under test, outside the containers, which share this machine's loopback.
"$program" simulate --write-tokenizer "$work/tokenizer"
"$program" simulate --port 0 --model model --tokenizer "$work/tokenizer" --decode-ms 1 > "$work/server.log" 2>&1 &
server=$!
for _ in $(seq 100); do
  grep -q listening "$work/server.log" && break
  sleep 0.1
done
url=$(sed -n 's/^listening on //p' "$work/server.log")
[ -n "$url" ] || { cat "$work/server.log" >&2; exit 1; }

requests=10
stages='[{"rate": 5, "duration": 2}]'
cat > "$work/config.yml" <<YAML
api: {type: completion, streaming: true}
data: {type: mock}
load: {type: constant, stages: $stages}
server: {type: vllm, model_name: model, base_url: "$url", ignore_eos: true}
YAML
# As AWS's chart has it: made-up prompts, counted by the model's tokenizer.
cat > "$work/aws.yml" <<YAML
api: {type: completion, streaming: true}
data:
  type: synthetic
  input_distribution: {mean: 64, std_dev: 16, min: 32, max: 96, total_count: 10}
  output_distribution: {mean: 16, std_dev: 4, min: 8, max: 24, total_count: 10}
load: {type: constant, num_workers: 1, stages: $stages}
server: {type: vllm, model_name: model, base_url: "$url", ignore_eos: true}
tokenizer: {pretrained_model_name_or_path: /tokenizer}
YAML

# What a folder of reports must hold: all requests, and every file that the manifest names, whole.
reports() { # folder
  python3 - "$1" "$requests" <<'PYTHON'
import hashlib, json, pathlib, sys
folder, requests = pathlib.Path(sys.argv[1]), int(sys.argv[2])
summary = json.loads((folder / "summary_lifecycle_metrics.json").read_text())
assert summary["successes"]["count"] == requests, summary["successes"]["count"]
assert summary["failures"]["count"] == 0, summary["failures"]
files = json.loads((folder / "manifest.json").read_text())["files"]
assert {"capacity.json", "report.html", "summary_lifecycle_metrics.json"} <= {file["name"] for file in files}
for file in files:
    data = (folder / file["name"]).read_bytes()
    assert len(data) == file["bytes"] and hashlib.sha256(data).hexdigest() == file["sha256"], file
PYTHON
}

# A line of the table: passes if the command after the two texts does.
line() { # what, as whom, command…
  local what=$1 user=$2
  shift 2
  if "$@" > "$work/log" 2>&1; then
    rows+=("| $what | $user | pass |")
    echo "pass: $what, $user"
  else
    rows+=("| $what | $user | FAIL |")
    failed=1
    echo "FAIL: $what, $user"
    sed 's/^/    /' "$work/log"
  fi
}

fresh() { # sets container
  container=$(buildah "${store[@]}" from --pull-never "$image") || return 1
  containers+=("$container")
}
run() { # buildah's options -- command…
  buildah "${store[@]}" run --isolation chroot "${options[@]}" "$container" -- "$@"
}
# Runs a benchmark in a container of its own, then takes the reports out with its tar, as kubectl cp does.
benchmark() { # command…
  fresh && run "$@" || return 1
  rm -rf "$work/copy"
  mkdir "$work/copy"
  run sh -c 'tar cf - reports-*' | tar -xf - -C "$work/copy" || return 1
  reports "$work"/copy/reports-*
}

mapfile -t command < <(buildah "${store[@]}" inspect --type image --format '{{range .OCIv1.Config.Cmd}}{{println .}}{{end}}' "$image" | sed '/^$/d')
config=(--volume "$work/config.yml:/workspace/config.yml:ro")

options=("${config[@]}")
line "the image's own command, a file mounted at /workspace/config.yml" "the image's user" benchmark "${command[@]}"
for user in 0:0 1000:0 1234567890:0; do
  options=("${config[@]}" --user "$user")
  line "the same" "$user" benchmark "${command[@]}"
done
options=()
line "the sample config.yml, with flags for server and stages" "the image's user" \
  benchmark "${command[@]}" --server.base_url "$url" --server.model_name model --load.stages "$stages"
options=(--volume "$work/config.yml:/etc/config/config.yml:ro" --user 0:0 --env HF_TOKEN=none)
line "upstream's manifest: command and arguments, /etc/config/config.yml" 0:0 \
  benchmark inference-perf --config_file /etc/config/config.yml --log-level INFO
options=(--volume "$work/aws.yml:/workspace/config.yml:ro" --volume "$work/tokenizer:/tokenizer:ro" --env BENCHMARK_SCENARIO=baseline)
line "AWS's chart: sh -c with banner, pip install and program" "the image's user" benchmark /bin/sh -c '
  echo "Installing additional Python dependencies..."
  pip install --no-cache-dir sentencepiece==0.2.0 protobuf==5.29.2 && echo "Dependencies installed successfully"
  echo "=========================================="
  echo "Starting Inference Performance Benchmark"
  echo "Scenario: baseline"
  echo "=========================================="
  inference-perf --config_file /workspace/config.yml'

# Who may not write the folder for reports is told what to do before anything is sent.
refused() {
  fresh || return 1
  local before after
  before=$(started)
  run "${command[@]}" > "$work/refused" 2>&1
  [ $? = 1 ] || return 1
  after=$(started)
  cat "$work/refused"
  [ -n "$before" ] && [ "$before" = "$after" ] && grep -q -e '--user 0' "$work/refused" && grep -q fsGroup "$work/refused"
}
started() { python3 -c 'import json, sys, urllib.request as r; print(json.load(r.urlopen(sys.argv[1]))["totals"]["started"])' "$url/stats"; }
options=("${config[@]}" --user 4321:4321)
line "a user outside group 0: refused before the load, with the remedies" 4321:4321 refused

# As this project's chart runs it: nothing can be written but two empty volumes.
read_only() { # user
  fresh || return 1
  local tree
  tree=$(buildah "${store[@]}" mount "$container") || return 1
  mkdir -p "$tree/results"
  cp "$work/config.yml" "$tree/workspace/config.yml"
  # shellcheck disable=SC2016
  unshare --mount sh -euc '
    tree=$1 user=$2
    mount --bind "$tree" "$tree"
    mount -o remount,bind,ro "$tree"
    for volume in results tmp; do mount -t tmpfs -o mode=1777 tmpfs "$tree/$volume"; done
    chroot --userspec="$user" "$tree" /usr/bin/env -i PATH="$3" HOME=/results HF_HOME=/tmp/hf /bin/sh -euc "
      cd /results
      if touch /workspace/x 2> /dev/null; then echo the root can be written; exit 1; fi
      inference-perf simulate --write-tokenizer /tmp/tokenizer
      inference-perf --config_file /workspace/config.yml
      tar cf /tmp/reports.tar reports-*"
    cat "$tree/tmp/reports.tar" > "$4"' sh "$tree" "$1" /usr/local/bin:/usr/bin:/bin "$work/read-only.tar" || return 1
  rm -rf "$work/copy"
  mkdir "$work/copy"
  tar -xf "$work/read-only.tar" -C "$work/copy" || return 1
  reports "$work"/copy/reports-*
}
for user in 1000:0 1234567890:0; do
  line "a root that is read-only, /results and /tmp empty volumes" "$user" read_only "$user"
done

# Every applet that a link promises is there, and those that scripts and kubectl call do what they should.
applets() { # rootfs, how to run its programs
  local tree=$1 known link
  shift
  known=$("$@" "$tree/bin/busybox" --list) || return 1
  find "$tree/bin" "$tree/sbin" "$tree/usr" -type l -lname /bin/busybox -printf '%f\n' | while read -r link; do
    grep -qxF -e "$link" <<< "$known" || { echo "$link is no applet"; exit 1; }
  done || return 1
  for link in sh tar sleep ls cat cp find env wget gzip id; do
    find "$tree/bin" "$tree/usr/bin" -name "$link" | grep -q . || { echo "no $link"; return 1; }
  done
}
line "a link for each applet of busybox" amd64 applets "$out/amd64/rootfs" env
renders() { fresh && run benchmark-render template try --set benchmark.scenario=saturation | grep -q '^kind: Job'; }
options=()
line "benchmark-render in the image" "the image's user" renders
settled() {
  fresh || return 1
  run sh -euc 'id; pwd; stat -c "%a %u:%g %n" /tmp /workspace /workspace/config.yml; echo "$HOME"' | tee "$work/settled"
  diff "$work/settled" - <<'TEXT'
uid=1000(inference-perf) gid=0(root) groups=0(root)
/workspace
1777 0:0 /tmp
775 1000:0 /workspace
664 1000:0 /workspace/config.yml
/workspace
TEXT
}
line "owners, modes, working directory and home" "the image's user" settled

emulated() {
  rm -rf "$work/emulated"
  mkdir "$work/emulated"
  (cd "$work/emulated" && qemu-aarch64-static "$out/arm64/rootfs/usr/local/bin/inference-perf" --config_file "$work/config.yml") || return 1
  reports "$work"/emulated/reports-*
}
if [ -d "$out/arm64/rootfs" ] && [ "$native" = amd64 ]; then
  line "the arm64 program, under qemu-user" 0:0 emulated
  line "a link for each applet of busybox, under qemu-user" arm64 applets "$out/arm64/rootfs" qemu-aarch64-static
fi

# The inventory keeps to its schema, in the strict form that knows every key.
inventory() {
  local venv=$root/.tools/image
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'cyclonedx-python-lib[json-validation]==11.12.0' || return 1
  "$venv/bin/python" - "$out"/inference-perf-"$version"-*.cdx.json <<'PYTHON'
import json, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
for path in sys.argv[1:]:
    text = open(path).read()
    error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    assert error is None, error
    names = {part["name"] for part in json.loads(text)["components"]}
    assert {"inference-perf", "benchmark-render", "tokio", "ring", "busybox-static", "ca-certificates", "musl"} <= names
    assert not {"proptest", "criterion", "insta", "serde_derive"} & names
    print(path, len(names), "components")
PYTHON
}
line "the inventory (CycloneDX) is valid and names what is inside" "" inventory

printf '\n| the image, started by | user | outcome |\n|---|---|---|\n'
printf '%s\n' "${rows[@]}"
exit "$failed"
