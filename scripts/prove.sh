#!/usr/bin/env bash
# The real-time claim, shown by tools: docs/realtime.md. `prove.sh [PART...]`; all of them without one.
# What a machine does not have is skipped with a line; in CI .ci/run installs strace, and this a nightly compiler.
set -uo pipefail
cd "$(dirname "$0")/.."

all=(syscalls loom rtsan miri tsan)
triple=$(rustc -vV | sed -n 's/^host: //p')
failed=()
# Optimised dependencies take longer to compile than these tests take to run.
quick=(--quiet --no-default-features --config 'profile.dev.package."*".opt-level=1')

# nightly COMPONENT...: whether a nightly compiler with these is here.
nightly() {
  local component with=()
  if (($#)); then with=(--component "$(IFS=, && echo "$*")"); fi
  if command -v rustup >/dev/null && [ "${CI:-}" = true ]; then
    rustup --quiet toolchain install nightly --profile minimal ${with[@]+"${with[@]}"} 2>/dev/null
  fi
  cargo +nightly --version >/dev/null 2>&1 || return
  for component in "$@"; do
    rustup +nightly component list --installed 2>/dev/null | grep -q "^$component" || return
  done
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
  RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom CARGO_PROFILE_DEV_OPT_LEVEL=0 cargo test "${quick[@]}" \
    --lib loom_tests
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

# The rings and our atomics, run by an interpreter that knows what the language leaves undefined and what a weak memory
# may show. An interpreted property is tried a few times only.
miri() {
  if ! nightly miri rust-src; then
    skip "no Miri; rustup +nightly component add miri rust-src"
    return
  fi
  MIRIFLAGS="-Zmiri-disable-isolation" PROPTEST_CASES=4 PROPTEST_FAILURE_PERSISTENCE=none CARGO_TARGET_DIR=target/miri \
    cargo +nightly miri test "${quick[@]}" --lib -- \
    audio::ring audio::doorbell audio::flow audio::live audio::histogram::tests::threads duplex::gauges duplex::opinion::tests::an
}

# Every thread of a talk, the standard library's code too: no two touch the same memory unordered.
tsan() {
  if ! nightly rust-src || ! runtime tsan; then
    skip "no nightly compiler with ThreadSanitizer for $triple; rustup +nightly component add rust-src"
    return
  fi
  local run=(env RUSTFLAGS="-Zsanitizer=thread" CARGO_TARGET_DIR=target/tsan cargo +nightly run "${quick[@]}"
    -Zbuild-std --target "$triple" --bin chinwag --)
  local saved
  saved=$(mktemp -d)
  # A kernel that places programs anywhere, and does not let them ask for less, has no room for its shadow.
  if ! "${run[@]}" --version >"$saved/says" 2>&1 && grep -q "unexpected memory mapping" "$saved/says"; then
    rm -rf "$saved"
    skip "ThreadSanitizer finds no place for its memory; sysctl vm.mmap_rnd_bits=28"
    return
  fi
  "${run[@]}" demo --json --save "$saved" >"$saved/events" &&
    echo "chinwag demo, with real threads: $(grep -c '"event":"turn"' "$saved/events") turns, no race"
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
