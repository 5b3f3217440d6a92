"""How long sound takes through the program, and what it costs: docs/measuring.md.

Started by release.sh with the path of the program. Prints one line per figure.
"""

import argparse
import array
import math
import os
import random
import statistics
import sys
import time
import wave
from pathlib import Path

import tone
from live import DOWN_RATE, UP_RATE, LiveServer
from server import MICROPHONE, RATE, SPEAKER, SoundServer
from talk import Lines
from tracks import Mouth, Recording, first_over, onsets

SPEECH = Path(__file__).resolve().parents[2] / "demo" / "speech" / "user-2.wav"
HZ, BURST_S, SPEECH_S = 1_000, 0.020, 0.7
# Parts of full scale: a marker's begin, a reply's begin, silence (-60 dB).
MARKER, BEGIN, SILENT = 3_277, 328, 33
FAST, REAL = 4.0, 1.0
TICKS = os.sysconf("SC_CLK_TCK")

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("chinwag", type=lambda path: Path(path).resolve())
arguments.add_argument("--events", type=int, default=30, help="per figure (30)")
arguments.add_argument("--flags", action="append", help='flags of a setting (repeatable), as "--chunk-ms 10"')
arguments.add_argument("--skip", nargs="*", default=[], choices=["markers", "cuts", "voice", "long", "local"])
arguments.add_argument("--once", action="store_true", help="do not repeat after a reported underrun")
chosen = arguments.parse_args()
SETTINGS = chosen.flags or ["--set device.period_frames=240 --chunk-ms 10", ""]


def cosine(rate, seconds, level=0.5):
    """A tone that is loud from its first sample on."""
    frames = range(int(rate * seconds))
    return array.array("h", (round(32_767 * level * math.cos(2 * math.pi * HZ * i / rate)) for i in frames)).tobytes()


def speech():
    """The first words of a recording, from where they can be heard."""
    with wave.open(str(SPEECH)) as file:
        rate, samples = file.getframerate(), array.array("h", file.readframes(file.getnframes()))
    start = first_over(samples, MARKER)
    return rate, samples[start : start + int(SPEECH_S * rate)].tobytes()


def spread(times):
    """p50 and p95 in milliseconds, in words."""
    if not times:
        return "none"
    ordered = sorted(1e3 * t for t in times)
    p95 = ordered[math.ceil(0.95 * len(ordered)) - 1]
    return f"{statistics.median(ordered):.1f} / {p95:.1f} ms ({ordered[0]:.1f} to {ordered[-1]:.1f}, {len(times)} events)"


class Bench:
    """The program on the sound server, talking with our Live API."""

    def __init__(self, sound, flags, mouth_rate=RATE):
        self.sound, self.armed, self.cut_at = sound, False, None
        self.window_open = False
        self.before = sound.underruns()
        self.live = LiveServer(self.watch)
        self.microphone, self.speaker = Recording(sound, MICROPHONE), Recording(sound, f"{SPEAKER}.monitor")
        self.mouth = Mouth(sound, mouth_rate)
        command = [str(chosen.chinwag), "run", "--json", "--url", self.live.url, *flags]
        self.program = Lines([*command, "--mic", MICROPHONE, "--speaker", SPEAKER], sound.env)
        if not self.live.ready.wait(10):
            raise SystemExit("".join(self.program.complaints))
        time.sleep(2.0)

    def watch(self, name, samples):
        """On the server's own thread, so that an interruption is sent in the message that caused it."""
        if name == "audio" and self.armed and first_over(samples, MARKER) is not None:
            self.armed, self.cut_at = False, self.live.interrupt()
        if name == "activityStart":
            self.window_open, self.cut_at = True, self.live.interrupt()
        if name == "activityEnd":
            self.window_open = False

    def cpu_s(self):
        fields = Path(f"/proc/{self.program.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def status(self, name):
        lines = Path(f"/proc/{self.program.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1])

    def cost(self, seconds, work=lambda: None):
        """CPU seconds per minute while `work` goes on."""
        start, before = time.monotonic(), self.cpu_s()
        work()
        time.sleep(max(0.0, seconds - (time.monotonic() - start)))
        return (self.cpu_s() - before) * 60 / (time.monotonic() - start)

    def reply_begins(self, sent):
        """From just before the send of a reply to its first sample at the speaker."""
        start = self.speaker.sample_at(sent)
        first = self.speaker.first_over(BEGIN, start, start + RATE)
        return None if first is None else self.speaker.time_of(first) - sent

    def silent_after(self, since, at=None):
        """From `since` to the last sample heard of what sounds at `at`."""
        last = self.speaker.last_over(SILENT, self.speaker.sample_at(since if at is None else at))
        return self.speaker.time_of(last + 1) - since

    def end(self):
        self.program.end()
        for part in (self.mouth, self.microphone, self.speaker):
            part.end()

    def underruns(self):
        return self.sound.underruns() - self.before


def pause(shortest, longest):
    """Never in step with a period."""
    time.sleep(random.uniform(shortest, longest))


def markers(bench):
    burst = cosine(RATE, BURST_S)
    for _ in range(chosen.events):
        bench.mouth.say(burst)
        # Whole blocks of silence are said in between; this one puts it out of step.
        bench.mouth.say(bytes(2 * random.randrange(RATE // 50)))
        pause(0.3, 0.4)
    time.sleep(1.0)


def cuts(bench):
    """Replies, each interrupted: the times of both."""
    pcm, sent = cosine(DOWN_RATE, 4.0), []
    for _ in range(chosen.events):
        replied = bench.live.reply(pcm, FAST)
        pause(0.6, 0.8)
        sent.append((replied, bench.live.interrupt()))
        pause(0.5, 0.6)
    return sent


def voice_over(bench, said, is_local):
    """Replies, each interrupted by a voice: the times of `interrupted`."""
    pcm, sent = cosine(DOWN_RATE, 4.0), []
    for _ in range(chosen.events):
        replied = bench.live.reply(pcm, FAST)
        pause(0.5, 0.6)
        bench.cut_at, bench.armed = None, not is_local
        bench.mouth.say(said)
        bench.mouth.say(bytes(2 * random.randrange(RATE // 50)))
        deadline = time.monotonic() + 3
        while bench.cut_at is None and time.monotonic() < deadline:
            time.sleep(0.01)
        cut_at = bench.cut_at
        if cut_at is None:
            bench.armed = False
            bench.live.interrupt()
        sent.append((replied, cut_at))
        pause(0.4, 0.5)
        while bench.window_open and time.monotonic() < deadline + 3:
            time.sleep(0.01)
    return sent


def voice_to_silence(bench, sent):
    """From the voice's first sample at the microphone to the reply's last one."""
    found = []
    begins = [bench.microphone.time_of(at) for at in onsets(bench.microphone.samples, MARKER // 2, RATE)]
    for replied, cut_at in sent:
        if cut_at is not None:
            began = max(at for at in begins if at < cut_at)
            found.append(bench.silent_after(began, at=replied + 0.4))
    return found


def long_reply(bench, pace):
    """20 s; where it begins in the recording."""
    start = bench.speaker.sample_at(bench.live.reply(cosine(DOWN_RATE, 20.0, tone.LEVEL), pace))
    time.sleep(21.0)
    return start


def broken(bench, start):
    """What is missing within a long reply, in words."""
    file = bench.sound.folder / "long.raw"
    file.write_bytes(bench.speaker.samples[start : start + 21 * RATE].tobytes())
    heard = tone.Heard(file, HZ, RATE)
    breaks = heard.breaks()
    return f"{len(breaks)} in {heard.seconds:.3f} s heard of 20 s {breaks[:3] if breaks else ''}".strip()


def by_server(sound, flags):
    """Everything that needs no detector of our own."""
    bench, found, late = Bench(sound, flags), {}, {}
    try:
        if "markers" not in chosen.skip:
            markers(bench)
            found["CPU, no reply"] = f"{bench.cost(15.0):.2f} s/min"
        if "cuts" not in chosen.skip:
            late["cuts"] = cuts(bench)
        if "voice" not in chosen.skip:
            late["voice"] = voice_over(bench, cosine(RATE, BURST_S), is_local=False)
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
    at_microphone = onsets(bench.microphone.samples, MARKER, RATE)
    on_wire = onsets(bench.live.heard, MARKER, UP_RATE)
    if len(at_microphone) == len(on_wire) > 0:
        pairs = list(zip(at_microphone, on_wire))[: chosen.events]
        taken = [bench.live.read_at(wire) - bench.microphone.time_of(mic) for mic, wire in pairs]
        found["mic → wire"] = spread(taken)
        said_s = (at_microphone[-1] - at_microphone[0]) / RATE
        heard_s = (on_wire[-1] - on_wire[0]) / UP_RATE
        found["microphone lost"] = f"{1e3 * (said_s - heard_s):.2f} ms of {said_s:.1f} s, {len(on_wire)} markers"
    else:
        found["mic → wire"] = f"{len(at_microphone)} markers were said, {len(on_wire)} came"
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
    bench = Bench(sound, flags, rate)
    try:
        sent = voice_over(bench, said, is_local=True)
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
