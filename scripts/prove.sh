#!/usr/bin/env bash
# The real-time claim, shown by tools: docs/realtime.md. `prove.sh [PART...]`; all of them without one.
# What a machine does not have is skipped with a line; in CI .ci/run installs strace, and this a nightly compiler.
set -uo pipefail
cd "$(dirname "$0")/.."

all=(syscalls loom rtsan)
triple=$(rustc -vV | sed -n 's/^host: //p')
failed=()

# nightly: whether a nightly compiler is here.
nightly() {
  if command -v rustup >/dev/null && [ "${CI:-}" = true ]; then
    rustup --quiet toolchain install nightly --profile minimal 2>/dev/null
  fi
  cargo +nightly --version >/dev/null 2>&1
}

# runtime NAME: whether that nightly has this sanitizer for this machine.
runtime() {
  [ -n "$(find "$(rustc +nightly --print sysroot)/lib/rustlib/$triple/lib" -name "librustc*_rt.$1.*" 2>/dev/null)" ]
}

skip() { echo "skipped: $*"; }

# What the threads of a running talk ask of the kernel.
syscalls() {
  cargo test --quiet ${FEATURES:-} --test it syscalls
}

# Every order in which two threads may meet in a hand-off.
loom() {
  RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom CARGO_PROFILE_DEV_OPT_LEVEL=0 cargo test --quiet \
    --no-default-features --config 'profile.dev.package."*".opt-level=1' --lib loom_tests
}

# Both callbacks and the worker call nothing that may wait, down to the C library.
rtsan() {
  if ! nightly || ! runtime rtsan; then
    skip "no nightly compiler with RealtimeSanitizer for $triple; rustup toolchain install nightly"
    return
  fi
  local marked=(env RUSTFLAGS="-Zsanitizer=realtime --cfg rtsan" CARGO_TARGET_DIR=target/rtsan)
  "${marked[@]}" cargo +nightly test --quiet --no-default-features --target "$triple" --test realtime -- talk rtsan || return
  local saved
  saved=$(mktemp -d)
  "${marked[@]}" cargo +nightly run --quiet --no-default-features --target "$triple" --bin chinwag -- \
    demo --json --save "$saved" --set device.wake=timer >"$saved/events" &&
    echo "chinwag demo, with real threads: $(grep -c '"event":"turn"' "$saved/events") turns, no violation"
  local status=$?
  rm -rf "$saved"
  return $status
}

(($#)) || set -- "${all[@]}"
for part in "$@"; do
  echo "-- $part"
  begun=$EPOCHREALTIME
  "$part" || failed+=("$part")
  awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { printf "   %.0f s\n", b - a }'
done
if ((${#failed[@]})); then
  echo "not proven: ${failed[*]}" >&2
  exit 1
fi
