#!/usr/bin/env bash
# Latency, losses and cost over a private PulseAudio: docs/measuring.md. Arguments go to measure.py.
# CHINWAG names a program that is built already; else a release is built.
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in pulseaudio pactl pacat parec python3; do
  command -v "$tool" >/dev/null || { echo "not here: $tool; on Debian: apt-get install pulseaudio pulseaudio-utils python3" >&2; exit 1; }
done
if [ -z "${CHINWAG:-}" ]; then
  cargo build --quiet --release --bin chinwag
  CHINWAG=$(cargo metadata --format-version 1 --no-deps |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release/chinwag
fi
exec python3 -Bu tests/sound/measure.py "$CHINWAG" "$@"
