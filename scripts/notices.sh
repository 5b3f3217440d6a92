#!/usr/bin/env bash
# Writes THIRD-PARTY-NOTICES.md from the dependency graph of the program, on all
# systems, without what only tests and builds use. --check fails if it is stale.
set -euo pipefail
cd "$(dirname "$0")/.."
readonly out=THIRD-PARTY-NOTICES.md

notices() {
  cat <<'HEAD'
# Third-party notices

chinwag is built from these crates, each under its own licence. `scripts/notices.sh` writes this file.

webrtc-vad contains libfvad, and with it parts of WebRTC, under the licence at the end; the sonora crates are parts of
WebRTC in Rust, under the same text. webpki-root-certs carries Mozilla's list of root certificates under CDLA-Permissive-2.0.

| crate | version | licence | source |
|---|---|---|---|
HEAD
  cargo tree --locked --all-features --edges normal --target all --prefix none --workspace \
    --format '{p}|{l}|{r}' | LC_ALL=C sort -u | awk -F'|' '
    { split($1, id, " "); if (id[1] ~ /^chinwag/ || NF < 3) next
      gsub(/ \(\*\)$/, "", $3); row = id[1] " | " substr(id[2], 2) " | " $2 " | " $3
      if (!(row in seen)) { seen[row] = 1; print "| " row " |" } }'
  cat <<'TAIL'

## libfvad, within webrtc-vad, and the sonora crates

```text
Copyright (c) 2011, The WebRTC project authors. All rights reserved.
Copyright (c) 2016 Daniel Pirch
Copyright (c) 2016, Arun Raghavan and contributors. All rights reserved.
Copyright (c) 2026, dignifiedquire. All rights reserved.

Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are
met:

  * Redistributions of source code must retain the above copyright
    notice, this list of conditions and the following disclaimer.

  * Redistributions in binary form must reproduce the above copyright
    notice, this list of conditions and the following disclaimer in
    the documentation and/or other materials provided with the
    distribution.

  * Neither the name of Google nor the names of its contributors may
    be used to endorse or promote products derived from this software
    without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS
"AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT
LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR
A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT
HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT
LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE,
DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY
THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT
(INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE
OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
```
TAIL
}

if [[ ${1:-} == --check ]]; then
  if ! diff -u "$out" <(notices); then
    echo "$out is stale; run scripts/notices.sh" >&2
    exit 1
  fi
else
  fresh=$(notices)
  printf '%s\n' "$fresh" >"$out"
fi
