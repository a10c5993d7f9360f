#!/usr/bin/env bash
# Makes the image for each of ARCHS (amd64 arm64) and an OCI archive with all of them, without a registry: image.sh [FOLDER]
# Needs Debian 12 or later and root. Nothing of this machine's time or names is in it: the same commit with the same
# versions of packages has the same digest.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=$(realpath -m "${1:-$root/target/container}")
archs=${ARCHS:-amd64 arm64}
missing=()
for tool in apt-get buildah dpkg-deb git python3; do
  command -v "$tool" > /dev/null || missing+=("$tool")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "missing: ${missing[*]}; install with: apt-get install buildah git python3-venv (Debian 12 or later)" >&2
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  echo "image.sh: only root can give the image's files their owners" >&2
  exit 1
fi

version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -1)
SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct)
REVISION=$(git -C "$root" rev-parse HEAD)
[ -z "$(git -C "$root" status --porcelain)" ] || REVISION+=-dirty
export SOURCE_DATE_EPOCH REVISION

mkdir -p "$out"
rm -rf "$out/store" "$out/oci"
store=(--root "$out/store" --runroot "$out/store-run" --storage-driver vfs)
name=localhost/inference-perf:$version
buildah "${store[@]}" manifest create "$name" > /dev/null
for arch in $archs; do
  "$here/rootfs.sh" "$arch" "$out/$arch/rootfs"
  cp "$out/$arch/rootfs/usr/share/doc/inference-perf/sbom.cdx.json" "$out/inference-perf-$version-$arch.cdx.json"
  # The last stage of the Containerfile, over the files that were laid out here.
  sed -n '/^FROM scratch/,$p' "$here/../Containerfile" | sed 's,/image/rootfs/,/rootfs/,' > "$out/$arch/Containerfile"
  buildah "${store[@]}" build --quiet --timestamp "$SOURCE_DATE_EPOCH" --identity-label=false --platform "linux/$arch" \
    --build-arg "VERSION=$version" --build-arg "REVISION=$REVISION" --build-context "build=$out/$arch" \
    --tag "$name-$arch" --file "$out/$arch/Containerfile" "$out/$arch" > /dev/null
  buildah "${store[@]}" manifest add "$name" "containers-storage:$name-$arch" > /dev/null
done
buildah "${store[@]}" manifest push --all --quiet "$name" "oci:$out/oci:$version"

archive=$out/inference-perf-$version.oci.tar
tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=gnu \
  -C "$out/oci" -cf "$archive" blobs index.json oci-layout
"$here/summary.py" "$out/oci" "$archive"
