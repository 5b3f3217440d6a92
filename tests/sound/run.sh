#!/usr/bin/env bash
# The program over a real sound server: a private PulseAudio with null sinks, and `chinwag sim` on loopback.
# Arguments go to cargo build. Needs PulseAudio and python3; in CI it installs what is missing, elsewhere it says how.
set -euo pipefail
cd "$(dirname "$0")/../.."

packages="pulseaudio pulseaudio-utils libasound2-plugins"
missing=
for tool in pulseaudio pactl pacat python3; do
  command -v "$tool" >/dev/null || missing+=" $tool"
done
if [ -n "$missing" ]; then
  if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ]; then
    apt-get update -qq
    apt-get install -y --no-install-recommends $packages python3
  else
    echo "not here:$missing; on Debian: apt-get install $packages" >&2
    exit 1
  fi
fi

# What `make compare` says of figures that are given: no client is run for that.
PYTHONPATH=tests/sound python3 -B -m unittest discover --quiet --start-directory benches/compare

cargo build --quiet --bin chinwag "$@"
chinwag=$(cargo metadata --format-version 1 --no-deps |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/debug/chinwag
exec python3 -Bu tests/sound/checks.py "$chinwag"
