#!/usr/bin/env bash
# Whether systemd accepts contrib/chinwag.service. It wants the program to be
# there, so a copy names one that is.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v systemd-analyze >/dev/null; then
  echo "skipped: systemd-analyze is not here; apt-get install systemd"
  exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
sed "s|^ExecStart=/usr/local/bin/chinwag|ExecStart=$(command -v true)|" \
  contrib/chinwag.service >"$scratch/chinwag.service"
# What it says of other units on this machine is not ours.
said=$(systemd-analyze verify --man=no --recursive-errors=no "$scratch/chinwag.service" 2>&1) || {
  echo "$said"
  exit 1
}
if grep -F chinwag.service <<<"$said"; then
  exit 1
fi
echo "systemd accepts contrib/chinwag.service"
