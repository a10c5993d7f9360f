#!/usr/bin/env bash
# Lays out all files of the image: rootfs.sh ARCH FOLDER. Builds the programs and takes busybox and the certificates out
# of Debian's packages, those of ARCH (amd64, arm64) whatever this machine is. FOLDER becomes the image's root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
arch=${1:?architecture}
out=$(realpath -m "${2:?folder}")
work=$out.work
umask 022
rm -rf "$out"
mkdir -p "$work"
"$here/programs.sh" "$arch" "$work/programs"

# Debian's packages for an architecture, by apt with lists of its own: this system's architectures stay as they are.
fetch() { # architecture, folder, packages
  local arch=$1 folder=$2 state=$work/apt-$1
  local apt=(-qq -o "APT::Architecture=$arch" -o "APT::Architectures::=$arch" -o "Dir::State=$state" -o "Dir::Cache=$state"
    -o "Dir::State::status=$state/status" -o APT::Sandbox::User=)
  rm -rf "$folder"
  mkdir -p "$state/lists/partial" "$state/archives/partial" "$folder/root"
  touch "$state/status"
  apt-get "${apt[@]}" update
  (cd "$folder" && apt-get "${apt[@]}" download "${@:3}")
  for package in "$folder"/*.deb; do
    dpkg-deb --extract "$package" "$folder/root"
  done
}
native=$(dpkg --print-architecture)
fetch "$arch" "$work/debian" busybox-static ca-certificates
debian=$work/debian/root
# Only a busybox that runs here can be asked for its applets; Debian configures it alike for all architectures.
asked=$debian
if [ "$arch" != "$native" ]; then
  fetch "$native" "$work/native" busybox-static
  asked=$work/native/root
fi

install -d -m 755 "$out"/{bin,sbin,etc/ssl/certs,usr/bin,usr/sbin,usr/local/bin,usr/share/doc/inference-perf}
install -m 755 "$work"/programs/{inference-perf,benchmark-render} "$here/files/pip" "$out/usr/local/bin"
ln -s pip "$out/usr/local/bin/pip3"

# A link for each of busybox's applets, where it says that they belong.
install -m 755 "$debian/bin/busybox" "$out/bin/busybox"
"$asked/bin/busybox" --list-full | grep -vx -e bin/busybox -e linuxrc | while read -r applet; do
  ln -s /bin/busybox "$out/$applet"
done

# The package's certificates, not this machine's, which may trust authorities of its own.
find "$debian/usr/share/ca-certificates/mozilla" -name '*.crt' | LC_ALL=C sort | while read -r certificate; do
  cat "$certificate"
  echo
done > "$out/etc/ssl/certs/ca-certificates.crt"
install -m 644 "$here"/files/{passwd,group} "$out/etc"

# Any user of group 0 may write the working directory, which is everybody's home.
install -d -m 1777 "$out/tmp"
install -d -m 775 "$out/workspace"
install -m 664 "$here/files/config.yml" "$out/workspace/config.yml"

for package in busybox-static ca-certificates; do
  install -D -m 644 "$debian/usr/share/doc/$package/copyright" "$out/usr/share/doc/$package/copyright"
done
install -m 644 "$root/LICENSE" "$out/usr/share/doc/inference-perf/LICENSE"
(cd "$root" && "$here/sbom.py" "$arch" "$work/programs" "$work"/debian/*.deb) > "$out/usr/share/doc/inference-perf/sbom.cdx.json"
chown -R 0:0 "$out"
chown -R 1000:0 "$out/workspace"
find "$out" -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH:-0}" {} +
