"""The Python client that chinwag replaces and `chinwag run`, on the same virtual devices and against the same server,
one after the other. Started by run with the path of the program. Exits 1 where a number that is asked was not reached.

docs/measuring.md says how each figure is taken.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from bench import BEGIN, FAST, Bench, Markers, chinwag, cuts, long_reply, markers, speech, voice_over, voice_to_silence
from live import UP_RATE
from server import RATE, STEP_MS, SoundServer
from tls import certificate
from verdict import PYTHON, WORDS, table, verdicts

CLIENT = Path(__file__).resolve().with_name("client.py")
# The client's period: 512 frames at 16 kHz.
PERIOD_MS = 32
ITS_PERIOD = f"--set device.period_frames={PERIOD_MS * RATE // 1_000} --chunk-ms {PERIOD_MS}"
# Our runs: the profile, further flags, and what is measured in them. Both profiles have a detector that runs.
RUNS = {
    "defaults": ("server-vad", "", {"markers", "cuts", "words"}),
    "10 ms chunks": ("server-vad", "--chunk-ms 10", {"markers"}),
    "client-vad": ("client-vad", "", {"words"}),
    "its period, server-vad": ("server-vad", ITS_PERIOD, {"cost"}),
    "its period, client-vad": ("client-vad", ITS_PERIOD, {"cost"}),
}
# The service sends a reply at four times real time, so that 8 s of it are under way for 2 s: as long as the client
# is deaf. All that is said here falls into them.
REPLY_S = 8.0
# Cost is taken in turn, so that what else runs befalls all alike.
ROUNDS, IDLE_S, TALK_S = 3, 15.0, 21.0
# From the microphone to the service, many times over.
ARRIVED_S = 0.5
# The client plays each reply of 8 s to its end.
WORD_EVENTS = 15

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("chinwag", type=lambda path: Path(path).resolve())
arguments.add_argument("--events", type=int, default=30, help="per figure (30)")
arguments.add_argument("--json", action="store_true", help="one JSON object instead of the table")
arguments.add_argument("--only", nargs="*", choices=[PYTHON, *RUNS], help="these runs alone")


def progress(line):
    print(line, file=sys.stderr)


class Setup:
    """The sound server, the certificate that both clients trust, and how each is started."""

    def __init__(self, program, events, step_ms):
        self.program, self.events, self.sound = program, events, SoundServer(step_ms)
        self.certificate = certificate(self.sound.folder)
        # With a key the SDK dials TLS only, and so do we; which key does not matter here.
        self.sound.env["GEMINI_API_KEY"] = "any-key-will-do"
        # There the profiles are those that are built in.
        os.chdir(self.sound.folder)
        # PortAudio knows ALSA, and ALSA's plug-in the sound server.
        (self.sound.folder / ".asoundrc").write_text("pcm.!default pulse\nctl.!default pulse\n")

    def python(self, url):
        trust = {"SSL_CERT_FILE": str(self.certificate), "GOOGLE_GEMINI_BASE_URL": url.replace("wss:", "https:")}
        return [sys.executable, "-B", str(CLIENT)], {**self.sound.env, **trust}

    def starter(self, run):
        if run == PYTHON:
            return self.python
        profile, flags, _ = RUNS[run]
        trust = ["--ca-file", str(self.certificate)]
        return chinwag(self.program, ["--profile", profile, *flags.split(), *trust], self.sound.env)

    def bench(self, run, **options):
        return Bench(self.sound, self.starter(run), certificate=self.certificate, **options)


def memory_mb(bench):
    return bench.status("VmHWM") / 1024


def latencies(setup, run):
    """Markers without a reply, and replies that are cut."""
    bench, found, sent, parts = setup.bench(run), {}, [], parts_of(run)
    try:
        if "markers" in parts:
            markers(bench, setup.events)
        if "cuts" in parts:
            sent = cuts(bench, setup.events)
        found["peak memory"] = [memory_mb(bench)]
    finally:
        bench.end()
    if "markers" in parts:
        said = Markers(bench)
        found["mic → wire"] = said.mic_to_wire(setup.events) if said.is_whole else []
        if not said.is_whole:
            progress(f"{run}: {len(said.at_microphone)} markers were said, {len(said.on_wire)} came")
    if "cuts" in parts:
        begins = [bench.reply_begins(replied) for replied, _ in sent]
        found["wire → speaker"] = [t for t in begins if t is not None]
        found["interrupt → silence"] = [bench.silent_after(cut) for _, cut in sent]
    return found


def loud_s(samples, start, rate):
    """How long something is said from `start` on, in windows of 10 ms."""
    step = rate // 100
    pieces = (samples[at : at + step] for at in range(start, len(samples), step))
    return sum(max(piece) > BEGIN or min(piece) < -BEGIN for piece in pieces) / 100


def words(setup, run):
    """A voice over each reply, and what of it reaches the service."""
    rate, said = speech()
    bench = setup.bench(run, mouth_rate=rate)
    try:
        at_microphone, on_wire = len(bench.microphone.samples), len(bench.live.heard)
        is_local = run != PYTHON and RUNS[run][0] == "client-vad"
        sent = voice_over(bench, said, min(setup.events, WORD_EVENTS), is_local, REPLY_S)
        time.sleep(ARRIVED_S)
        memory = memory_mb(bench)
    finally:
        bench.end()
    said_s = loud_s(bench.microphone.samples, at_microphone, RATE)
    heard_s = loud_s(bench.live.heard, on_wire, UP_RATE)
    # Where the service did not hear the voice there was no silence to wait for.
    silenced = voice_to_silence(bench, sent)
    return {WORDS: {"said_s": said_s, "heard_s": heard_s}, "voice → silence": silenced, "peak memory": [memory]}


def cost(setup, run):
    """CPU without a reply and in one, and which threads take it."""
    bench, found = setup.bench(run), {}
    try:
        for figure, seconds, work in (
            ("CPU, no reply", IDLE_S, lambda: None),
            ("CPU, reply of 20 s", TALK_S, lambda: long_reply(bench, FAST)),
        ):
            before = bench.cpu_by_thread_s()
            found[figure] = [bench.cost(seconds, work)]
            by_thread = {name: ran_s - before.get(name, 0.0) for name, ran_s in bench.cpu_by_thread_s().items()}
            found[f"{figure}, by thread"] = [{name: round(s * 60 / seconds, 2) for name, s in by_thread.items()}]
        found["peak memory"], found["threads"] = [memory_mb(bench)], [bench.status("Threads")]
    finally:
        bench.end()
    return found


def parts_of(run):
    return {"markers", "cuts", "words", "cost"} if run == PYTHON else RUNS[run][2]


def takes(chosen, runs, step_ms, parts, body):
    """Runs what is wanted of `parts` over a sound server with this step; what was found, added to what was there."""
    setup = Setup(chosen.chinwag, chosen.events, step_ms)
    try:
        for run, found in runs.items():
            if wanted := parts & parts_of(run):
                progress(f"{run}: {', '.join(sorted(wanted))}; load {os.getloadavg()[0]:.1f}")
                for figure, value in body(setup, run).items():
                    found[figure] = found.get(figure, []) + value if isinstance(value, list) else value
    finally:
        setup.sound.end()


def main():
    chosen = arguments.parse_args()
    # Or a thread that computes holds up the one that stamps.
    sys.setswitchinterval(0.0005)
    load = [os.getloadavg()[0]]
    runs = {run: {} for run in chosen.only or [PYTHON, *RUNS]}
    takes(chosen, runs, STEP_MS, {"markers", "cuts"}, latencies)
    takes(chosen, runs, STEP_MS, {"words"}, words)
    for _ in range(ROUNDS):
        takes(chosen, runs, PERIOD_MS, {"cost"}, cost)
    load.append(os.getloadavg()[0])
    for found in runs.values():
        found["peak memory"] = max(found["peak memory"])
    ours = [found["peak memory"] for run, found in runs.items() if run != PYTHON]
    judgements = verdicts({**runs, "most of all": {"peak memory": max(ours, default=None)}})
    if chosen.json:
        print(json.dumps({"load": load, "measured": runs, "verdicts": [asdict(j) for j in judgements]}))
    else:
        print(table(judgements))
        for run, found in runs.items():
            for figure in filter(lambda figure: figure.endswith("by thread"), found):
                spent = sorted(found[figure][-1].items(), key=lambda thread: -thread[1])
                print(f"{figure}, {run}: {', '.join(f'{name} {s:.2f}' for name, s in spent)} s/min")
        print(f"load {load[0]:.1f} at the start, {load[1]:.1f} at the end")
    return 1 if any(j.is_reached is False for j in judgements) else 0


sys.exit(main())
