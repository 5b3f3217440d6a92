#!/usr/bin/env bash
# Checks and lints the program for the other systems it is written for.
# Nothing is linked, so the C in two dependencies (ring, webrtc-vad) need not be
# compiled: a stand-in for the compiler makes empty files.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cat >"$scratch/cc" <<'STAND_IN'
#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in
    -o) shift && : >"$1" ;;
    -Fo?*) : >"${1#-Fo}" ;;
    -out:*) : >"${1#-out:}" ;;
    *.a) : >"$1" ;;
  esac
  shift
done
STAND_IN
chmod +x "$scratch/cc"

# check TARGET FLAG...
check() {
  local target=$1 name=${1//-/_}
  shift
  if command -v rustup >/dev/null && ! rustup --quiet target add "$target" 2>/dev/null; then
    echo "$target: skipped, its standard library cannot be had here"
    return
  fi
  env "CC_$name=$scratch/cc" "AR_$name=$scratch/cc" \
    cargo clippy --quiet --target "$target" "$@" -- -D warnings
  echo "$target: ok${*:+, $*}"
}

# The sound card of another Linux would need its ALSA library.
check aarch64-unknown-linux-gnu --no-default-features
check aarch64-apple-darwin
check x86_64-apple-darwin
check x86_64-pc-windows-gnu
check x86_64-pc-windows-msvc
