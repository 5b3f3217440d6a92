#!/usr/bin/env bash
# The `silero` engine against Silero's own graph, run by onnxruntime. Skipped without the weights file, which
# CHINWAG_SILERO_WEIGHTS names (`chinwag stages vad` says where to get it), or without onnxruntime.
# Arguments go to cargo build. Needs python3 with venv; the first run fetches onnxruntime from PyPI into .venv-silero.
set -euo pipefail
cd "$(dirname "$0")/../.."

weights=${CHINWAG_SILERO_WEIGHTS:-../shared/data/models/silero_vad.onnx}
if [ ! -e "$weights" ]; then
  echo "skipped: the silero engine, because $weights is not here; name it in CHINWAG_SILERO_WEIGHTS"
  exit 0
fi
requirements=tests/interop/silero-requirements.txt
if ! cmp -s "$requirements" .venv-silero/requirements.txt; then
  python3 -m venv .venv-silero
  if ! .venv-silero/bin/pip install -q --disable-pip-version-check -r "$requirements"; then
    echo "skipped: the silero engine, because onnxruntime cannot be installed here"
    exit 0
  fi
  cp "$requirements" .venv-silero/requirements.txt
fi

cargo build --quiet --bin chinwag "$@"
chinwag=$(cargo metadata --format-version 1 --no-deps |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/debug/chinwag
.venv-silero/bin/python tests/interop/silero.py "$chinwag" "$weights"
