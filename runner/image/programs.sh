#!/usr/bin/env bash
# Builds both programs as static musl binaries: programs.sh ARCH FOLDER, ARCH as images name it (amd64, arm64).
# The same sources at the same versions of packages give the same bytes, wherever they lie.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
case ${1:?architecture} in
  amd64) target=x86_64-unknown-linux-musl ;;
  arm64) target=aarch64-unknown-linux-musl ;;
  *) echo "programs.sh: $1: only amd64 and arm64 are built" >&2; exit 2 ;;
esac
out=${2:?folder}
cd "$root"

# zig, by the wheel that carries it.
venv=$root/.tools/image
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
  echo "installing zig into $venv"
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/requirements.txt"
fi
PATH=$venv/bin:$PATH

# The standard library for musl: that of the toolchain, which rustup fetches; where it cannot, cargo builds one from the
# source that Debian ships with its own compiler.
build=()
if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ] && ! rustup target add "$target"; then
  if [ ! -d /usr/lib/rustlib/src/rust/library ]; then
    echo "no Rust standard library for $target; where rustup cannot fetch it, install Debian's:" \
      "apt-get install cargo-web rustc-web rust-web-src" >&2
    exit 1
  fi
  PATH=$venv/bin:/usr/bin:$PATH
  # Building the library is a feature of cargo that has no stable name yet.
  export RUSTC_BOOTSTRAP=1
  build=(-Z build-std=std,panic_unwind)
fi

# Paths of this machine are in no binary.
cargo fetch --locked --quiet
remap=(--remap-path-prefix="$root=/src")
files="-ffile-prefix-map=$root=/src"
for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
  remap+=(--remap-path-prefix="$registry=/registry")
  files+=" -ffile-prefix-map=$registry=/registry"
done
# zig has musl's start files and libraries: rustc leaves out its own, which Debian's does not have.
export RUSTFLAGS="-C target-feature=+crt-static -C link-self-contained=no ${remap[*]}" CFLAGS="$files" ZERO_AR_DATE=1
nice -n 5 cargo-zigbuild zigbuild --locked --profile image --target "$target" "${build[@]}" \
  -p inference-perf -p benchmark-render --bin inference-perf --bin benchmark-render

mkdir -p "$out"
for program in inference-perf benchmark-render; do
  install -m 755 "${CARGO_TARGET_DIR:-target}/$target/image/$program" "$out/$program"
done
# What the inventory has to know of what was compiled in and is no crate.
{
  rustc --version | sed -E 's/^rustc ([^ ]+).*/rust-std \1/'
  "$venv/bin/python" -m ziglang version | sed "s/^/zig /"
} > "$out/toolchain"
