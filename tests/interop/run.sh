#!/usr/bin/env bash
# The official Python SDK against `chinwag sim`, over TLS on loopback.
# Arguments go to cargo build. Needs python3 with venv; the first run fetches the SDK from PyPI into .venv.
set -euo pipefail
cd "$(dirname "$0")/../.."

requirements=tests/interop/requirements.txt
if ! cmp -s "$requirements" .venv/requirements.txt; then
  python3 -m venv .venv
  .venv/bin/pip install -q --disable-pip-version-check -r "$requirements"
  cp "$requirements" .venv/requirements.txt
fi

cargo build --quiet --bin chinwag "$@"
chinwag=$(cargo metadata --format-version 1 --no-deps |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/debug/chinwag

scratch=$(mktemp -d)
sim=
end() {
  status=$?
  [ -z "$sim" ] || kill "$sim" 2>/dev/null || true
  [ "$status" -eq 0 ] || { echo "--- what the simulator saw:"; cat "$scratch/sim.log"; }
  rm -rf "$scratch"
}
trap end EXIT

"$chinwag" sim --tls --listen 127.0.0.1:0 --cert-out "$scratch/sim.pem" >"$scratch/sim.log" &
sim=$!
for _ in $(seq 100); do
  url=$(sed -n 's|^listening on wss://|https://|p' "$scratch/sim.log")
  [ -z "$url" ] || break
  sleep 0.05
done
[ -n "$url" ] || { echo "the simulator did not start"; exit 1; }

SSL_CERT_FILE=$scratch/sim.pem GOOGLE_GEMINI_BASE_URL=$url \
  timeout 60 .venv/bin/python tests/interop/python_sdk.py
