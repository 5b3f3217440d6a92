"""A client on the sound server that talks with our Live API: what befalls it, and the times that its sound takes.

The figures are those of docs/measuring.md.
"""

import array
import math
import os
import random
import statistics
import time
import wave
from pathlib import Path

import tone
from live import DOWN_RATE, UP_RATE, LiveServer
from server import MICROPHONE, RATE, SPEAKER
from talk import Lines
from tracks import Mouth, Recording, first_over, onsets

SPEECH = Path(__file__).resolve().parents[2] / "demo" / "speech" / "user-2.wav"
HZ, BURST_S, SPEECH_S = 1_000, 0.020, 0.7
# Parts of full scale: a marker's begin, a reply's begin, silence (-60 dB).
MARKER, BEGIN, SILENT = 3_277, 328, 33
FAST, REAL = 4.0, 1.0
TICKS = os.sysconf("SC_CLK_TCK")


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


def p95(times):
    """The least that 95 of 100 do not pass."""
    return sorted(times)[math.ceil(0.95 * len(times)) - 1]


def spread(times):
    """p50 and p95 in milliseconds, in words."""
    if not times:
        return "none"
    ms = [1e3 * t for t in times]
    return f"{statistics.median(ms):.1f} / {p95(ms):.1f} ms ({min(ms):.1f} to {max(ms):.1f}, {len(ms)} events)"


def chinwag(path, flags, env):
    """How `chinwag run` is started for the address of a Live API."""
    devices = ["--mic", MICROPHONE, "--speaker", SPEAKER]
    return lambda url: ([str(path), "run", "--json", "--url", url, *flags, *devices], env)


class Bench:
    """A client on the sound server, talking with our Live API.

    `start` gives its command and environment for the API's address.
    """

    def __init__(self, sound, start, mouth_rate=RATE, certificate=None):
        self.sound, self.armed, self.cut_at = sound, False, None
        self.window_open = False
        self.before = sound.underruns()
        self.live = LiveServer(self.watch, certificate)
        self.microphone, self.speaker = Recording(sound, MICROPHONE), Recording(sound, f"{SPEAKER}.monitor")
        self.mouth = Mouth(sound, mouth_rate)
        self.program = Lines(*start(self.live.url))
        if not self.live.ready.wait(30):
            complaints = "".join(self.program.complaints)
            self.end()
            raise SystemExit(f"the client was not set up within 30 s\n{complaints}")
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

    def cpu_by_thread_s(self):
        """By the threads' names; those that ended are not in it."""
        total = {}
        for task in Path(f"/proc/{self.program.process.pid}/task").iterdir():
            try:
                name, ran_ns = (task / "comm").read_text().strip(), (task / "schedstat").read_text().split()[0]
            except OSError:
                continue
            total[name] = total.get(name, 0.0) + int(ran_ns) / 1e9
        return total

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

    def until_silent(self, patience_s=30):
        """Waits for the end of what sounds at the speaker and of what is said."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            last = [recording.samples[-round(0.2 * RATE) :] for recording in (self.speaker, self.microphone)]
            if all(max(heard) <= SILENT and min(heard) >= -SILENT for heard in last):
                return
            time.sleep(0.02)
        raise SystemExit(f"there was no silence for {patience_s} s")

    def end(self):
        self.program.end()
        for part in (self.mouth, self.microphone, self.speaker):
            part.end()

    def underruns(self):
        return self.sound.underruns() - self.before


def pause(shortest, longest):
    """Never in step with a period."""
    time.sleep(random.uniform(shortest, longest))


def markers(bench, events):
    burst = cosine(RATE, BURST_S)
    for _ in range(events):
        bench.mouth.say(burst)
        # Whole blocks of silence are said in between; this one puts it out of step.
        bench.mouth.say(bytes(2 * random.randrange(RATE // 50)))
        pause(0.3, 0.4)
    time.sleep(1.0)


class Markers:
    """Where the markers were at the microphone and on the wire."""

    def __init__(self, bench):
        self.bench = bench
        self.at_microphone = onsets(bench.microphone.samples, MARKER, RATE)
        self.on_wire = onsets(bench.live.heard, MARKER, UP_RATE)

    @property
    def is_whole(self):
        return len(self.at_microphone) == len(self.on_wire) > 0

    def mic_to_wire(self, events):
        """From a marker's first sample to the time at which its message was read."""
        pairs = list(zip(self.at_microphone, self.on_wire))[:events]
        return [self.bench.live.read_at(wire) - self.bench.microphone.time_of(mic) for mic, wire in pairs]

    def lost(self):
        """What the way between the first and the last marker became shorter, and that way, in seconds."""
        said_s = (self.at_microphone[-1] - self.at_microphone[0]) / RATE
        return said_s - (self.on_wire[-1] - self.on_wire[0]) / UP_RATE, said_s


def cuts(bench, events):
    """Replies, each interrupted: the times of both."""
    pcm, sent = cosine(DOWN_RATE, 4.0), []
    for _ in range(events):
        replied = bench.live.reply(pcm, FAST)
        pause(0.6, 0.8)
        sent.append((replied, bench.live.interrupt()))
        pause(0.5, 0.6)
        bench.until_silent()
    return sent


def voice_over(bench, said, events, is_local, reply_s=4.0):
    """Replies, each interrupted by a voice: the times of `interrupted`, None where the service did not hear it."""
    pcm, sent = cosine(DOWN_RATE, reply_s), []
    for _ in range(events):
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
        bench.until_silent()
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
