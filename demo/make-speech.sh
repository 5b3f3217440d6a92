#!/usr/bin/env bash
# Makes the speech of the demo: demo/speech/*.wav and captions.txt.
# Needs espeak-ng and sox; the same versions give the same files, bit for bit.
set -euo pipefail
cd "$(dirname "$0")/speech"

readonly ACTIVE_DBFS_USER=-26 ACTIVE_DBFS_MODEL=-24
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# say NAME VOICE WORDS_PER_MINUTE PITCH LEVEL_DBFS TEXT
say() {
  local name=$1 voice=$2 speed=$3 pitch=$4 level=$5 text=$6
  local raw=$scratch/$name-raw.wav even=$scratch/$name-even.wav rms gain
  espeak-ng -v "$voice" -s "$speed" -p "$pitch" -w "$raw" -- "$text"
  # 16 kHz mono with headroom, and no silence at either end.
  sox -D "$raw" -r 16000 -c 1 -b 16 "$even" gain -9 highpass 70 \
    silence 1 0.01 0.5% reverse silence 1 0.01 0.5% reverse
  # The level counts speech alone: pauses over 0.1 s are left out of the RMS.
  rms=$(sox -D "$even" -n silence 1 0.02 1% -1 0.1 1% stats 2>&1 | awk '/^RMS lev dB/ { print $4 }')
  gain=$(awk -v want="$level" -v have="$rms" 'BEGIN { printf "%.2f", want - have }')
  sox -D "$even" "$name.wav" gain "$gain" fade t 0.005 -0 0.01 pad 0.1 0.1
  printf '%s.wav\t%s\n' "$name" "$text" >>captions.txt
}

user() { say "$1" en-us+f3 170 55 $ACTIVE_DBFS_USER "$2"; }
model() { say "$1" en-gb+m3 170 40 $ACTIVE_DBFS_MODEL "$2"; }

rm -f ./*.wav captions.txt
user user-1 "Hello there, can you hear me?"
model model-1 "Loud and clear. What would you like to know?"
user user-2 "How will the weather be this week?"
model model-2 "Well, on Monday it will be mild, with a little rain. On Tuesday the clouds go and the wind turns to the east. On Wednesday you may see some frost."
user user-3 "Wait, just tell me about tomorrow."
model model-3 "Of course. Tomorrow will be dry and sunny."
user user-4 "Perfect, thank you, goodbye."
model model-4 "You are welcome. Enjoy the sunshine, goodbye."
