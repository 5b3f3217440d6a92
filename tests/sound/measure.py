"""How long sound takes through the program, and what it costs: docs/measuring.md.

Started by release.sh with the path of the program. Prints one line per figure.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from bench import FAST, RATE, REAL, Bench, BURST_S, Markers, broken, chinwag, cosine, cuts, long_reply, markers, speech
from bench import spread, voice_over, voice_to_silence
from server import SoundServer

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("chinwag", type=lambda path: Path(path).resolve())
arguments.add_argument("--events", type=int, default=30, help="per figure (30)")
arguments.add_argument("--flags", action="append", help='flags of a setting (repeatable), as "--chunk-ms 10"')
arguments.add_argument("--skip", nargs="*", default=[], choices=["markers", "cuts", "voice", "long", "local"])
arguments.add_argument("--once", action="store_true", help="do not repeat after a reported underrun")
chosen = arguments.parse_args()
SETTINGS = chosen.flags or ["--set device.period_frames=240 --chunk-ms 10", ""]


def by_server(sound, flags):
    """Everything that needs no detector of our own."""
    bench, found, late = Bench(sound, chinwag(chosen.chinwag, flags, sound.env)), {}, {}
    try:
        if "markers" not in chosen.skip:
            markers(bench, chosen.events)
            found["CPU, no reply"] = f"{bench.cost(15.0):.2f} s/min"
        if "cuts" not in chosen.skip:
            late["cuts"] = cuts(bench, chosen.events)
        if "voice" not in chosen.skip:
            late["voice"] = voice_over(bench, cosine(RATE, BURST_S), chosen.events, is_local=False)
        if "long" not in chosen.skip:
            late["fast"] = []
            work = lambda: late["fast"].append(long_reply(bench, FAST))
            found["CPU, reply of 20 s"] = f"{bench.cost(21.0, work):.2f} s/min"
            late["slow"] = [long_reply(bench, REAL)]
        found["peak RSS"] = f"{bench.status('VmHWM') / 1024:.1f} MB"
        found["threads"] = str(bench.status("Threads"))
        time.sleep(0.5)
    finally:
        bench.end()
    said = Markers(bench)
    if said.is_whole:
        found["mic → wire"] = spread(said.mic_to_wire(chosen.events))
        lost_s, said_s = said.lost()
        found["microphone lost"] = f"{1e3 * lost_s:.2f} ms of {said_s:.1f} s, {len(said.on_wire)} markers"
    else:
        found["mic → wire"] = f"{len(said.at_microphone)} markers were said, {len(said.on_wire)} came"
    if "cuts" in late:
        begins = [bench.reply_begins(replied) for replied, _ in late["cuts"]]
        found["wire → speaker"] = spread([t for t in begins if t is not None])
        found["interrupt → silence"] = spread([bench.silent_after(cut) for _, cut in late["cuts"]])
    if "voice" in late:
        found["voice → silence, server mode"] = spread(voice_to_silence(bench, late["voice"]))
    for pace in ("fast", "slow"):
        if pace in late:
            found[f"dropouts, {pace} server"] = broken(bench, late[pace][0])
    return bench, found


def by_us(sound, flags):
    rate, said = speech()
    bench = Bench(sound, chinwag(chosen.chinwag, flags, sound.env), rate)
    try:
        sent = voice_over(bench, said, chosen.events, is_local=True)
        time.sleep(0.5)
    finally:
        bench.end()
    return bench, {"voice → silence, client mode": spread(voice_to_silence(bench, sent))}


def measured(what, sound, flags):
    """Once more where the sound server reported that the program's stream ran dry."""
    for attempt in (1, 2):
        bench, found = what(sound, flags)
        facts = {event["name"]: event["value"] for event in bench.program.all("fact")}
        for name in ("lost", "speaker ran dry", "sound system"):
            found[f"says: {name}"] = facts.get(name, "nothing")
        sent = bench.program.all("figures")[-1]["figures"]["capture_to_wire_seconds"]
        found["says: capture → socket"] = ", ".join(f"{q} {1e3 * (sent[q] or 0):.2f} ms" for q in ("p50", "p99"))
        found["underruns of its stream"] = str(bench.underruns())
        if not bench.underruns() or attempt == 2 or chosen.once:
            return found
        print(f"again: {bench.underruns()} underruns were reported; before that: {found}")


def main():
    # Or a thread that computes holds up the one that stamps.
    sys.setswitchinterval(0.0005)
    sound = SoundServer()
    # There the profiles are those that are built in.
    os.chdir(sound.folder)
    try:
        for setting in SETTINGS:
            words = setting.split()
            print(f"== {setting or 'defaults'}")
            wanted = [(by_server, "server-vad")]
            if "local" not in chosen.skip:
                wanted.append((by_us, "client-vad"))
            for what, profile in wanted:
                for name, value in measured(what, sound, ["--profile", profile, *words]).items():
                    print(f"{profile:<12} {name:<30} {value}")
    finally:
        sound.end()


if __name__ == "__main__":
    main()
