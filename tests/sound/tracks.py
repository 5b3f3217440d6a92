"""Sound in and out of the sound server, on one clock."""

import array
import bisect
import fcntl
import os
import queue
import subprocess
import threading
import time

from server import RATE

# A clock of a null sink creeps by up to 0.4 ms/s, so it is fitted over this.
FIT_S = 1.0


class Recording:
    """What a source gives, with the time at which each piece came."""

    def __init__(self, server, source):
        command = [*server.first, "parec", "-d", source, server.step, "--raw", "--format=s16le", f"--rate={RATE}", "--channels=1"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env=server.env)
        self.samples, self.times, self.ends, self.rest = array.array("h"), [], [], b""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while data := os.read(self.process.stdout.fileno(), 65_536):
            at = time.monotonic()
            data = self.rest + data
            whole = len(data) // 2 * 2
            self.rest = data[whole:]
            self.samples.frombytes(data[:whole])
            self.ends.append(len(self.samples))
            self.times.append(at)

    def time_of(self, sample):
        """When a sample was: nothing can come before its last sample was."""
        middle = bisect.bisect_left(self.ends, sample)
        near = range(
            bisect.bisect_left(self.ends, sample - FIT_S * RATE),
            max(middle + 1, bisect.bisect_right(self.ends, sample + FIT_S * RATE)),
        )
        near = [i for i in near if i < len(self.ends)]
        return min(self.times[i] - self.ends[i] / RATE for i in near) + sample / RATE

    def sample_at(self, at):
        """About the sample of a time: what came last before it."""
        index = bisect.bisect_right(self.times, at)
        return self.ends[index - 1] if index else 0

    def first_over(self, level, start, end=None):
        """The first sample over a level from `start` on."""
        return first_over(self.samples, level, start, end)

    def last_over(self, level, start, silence_s=0.15):
        """The last sample over a level before the first silence of that length."""
        last, at, step = start, start, RATE // 1_000
        while at < min(len(self.samples), last + silence_s * RATE):
            piece = self.samples[at : at + step]
            if max(piece) > level or min(piece) < -level:
                last = at + max(i for i, sample in enumerate(piece) if abs(sample) > level)
            at += step
        return last

    def end(self):
        self.process.kill()
        self.process.wait()


def first_over(samples, level, start=0, end=None):
    end = len(samples) if end is None else min(end, len(samples))
    for at in range(start, end, 480):
        piece = samples[at : min(at + 480, end)]
        if max(piece) > level or min(piece) < -level:
            return at + next(i for i, sample in enumerate(piece) if abs(sample) > level)
    return None


def onsets(samples, level, rate, silence_s=0.1):
    """Where sound begins after silence."""
    found, quiet_since, step = [], 0, rate // 1_000
    for at in range(0, len(samples), step):
        piece = samples[at : at + step]
        if max(piece) > level or min(piece) < -level:
            if at - quiet_since >= silence_s * rate:
                found.append(first_over(samples, level, at))
            quiet_since = at + step
    return found


class Mouth:
    """Speaks into the virtual microphone, silence in between.

    When its sound arrives is read from the recording, not from here.
    """

    def __init__(self, server, rate):
        command = [*server.first, "pacat", "-d", "microphone", "--latency-msec=100", "--raw"]
        command += ["--format=s16le", f"--rate={rate}", "--channels=1"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, env=server.env)
        self.words, self.silence = queue.Queue(), bytes(rate // 100 * 2)
        threading.Thread(target=self._write, daemon=True).start()

    def _write(self):
        try:
            fcntl.fcntl(self.process.stdin, fcntl.F_SETPIPE_SZ, 4_096)
            while True:
                self.process.stdin.write(self.silence if self.words.empty() else self.words.get())
                self.process.stdin.flush()
        except OSError:
            pass

    def say(self, pcm):
        self.words.put(pcm)

    def end(self):
        self.process.kill()
        self.process.wait()
