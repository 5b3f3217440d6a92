#!/usr/bin/env bash
# The official SDKs against `chinwag sim` on loopback: Python's over TLS, JavaScript's over a plain socket; and
# Prometheus' client on `chinwag run --metrics`.
# Arguments go to cargo build. Needs python3 with venv, and node (without it that part is skipped); the first run
# fetches the SDKs from PyPI into .venv and from npm into tests/interop/node_modules.
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
sims=()
end() {
  status=$?
  [ ${#sims[@]} -eq 0 ] || kill "${sims[@]}" 2>/dev/null || true
  [ "$status" -eq 0 ] || { echo "--- what the simulators saw:"; cat "$scratch"/*.log; }
  rm -rf "$scratch"
}
trap end EXIT

# serve NAME OPTIONS...: starts a simulator and waits for the address in $url.
serve() {
  local log=$scratch/$1.log
  shift
  "$chinwag" sim --listen 127.0.0.1:0 "$@" >"$log" &
  sims+=($!)
  for _ in $(seq 100); do
    url=$(sed -n 's|^listening on ws\(s\{0,1\}\)://|http\1://|p' "$log")
    [ -z "$url" ] || return 0
    sleep 0.05
  done
  echo "the simulator did not start"
  exit 1
}

serve python --tls --cert-out "$scratch/sim.pem"
SSL_CERT_FILE=$scratch/sim.pem GOOGLE_GEMINI_BASE_URL=$url \
  timeout 60 .venv/bin/python tests/interop/python_sdk.py

# What a talk shows of itself, read by Prometheus' own client.
serve metrics
timeout 60 .venv/bin/python tests/interop/metrics.py "$chinwag" "ws${url#http}" demo/speech/user-1.wav

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "skipped: the JavaScript SDK, because node and npm are not here; apt-get install nodejs npm"
  exit 0
fi
if ! cmp -s tests/interop/package-lock.json tests/interop/node_modules/package-lock.json; then
  npm ci --prefix tests/interop --ignore-scripts --no-audit --no-fund --loglevel=error
  cp tests/interop/package-lock.json tests/interop/node_modules/
fi
serve javascript
timeout 60 node tests/interop/js_sdk.js "$url"
