#!/usr/bin/env bash
# A script over a private PulseAudio, run by $PYTHON: `measure.py` (docs/measuring.md), `soak.py`. Further arguments go to it.
# CHINWAG names a program that is built already; else a release is built.
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in pulseaudio pactl pacat paplay parec python3; do
  command -v "$tool" >/dev/null || { echo "not here: $tool; on Debian: apt-get install pulseaudio pulseaudio-utils python3" >&2; exit 1; }
done
if [ -z "${CHINWAG:-}" ]; then
  cargo build --quiet --release --bin chinwag
  CHINWAG=$(cargo metadata --format-version 1 --no-deps |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release/chinwag
fi
script=$1
shift
exec "${PYTHON:-python3}" -Bu "$script" "$CHINWAG" "$@"
