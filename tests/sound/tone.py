"""Tones as replies, and whether a recording holds one whole."""

import array
import cmath
import math
import wave

LEVEL = 0.3
WINDOW_S = 0.010


def write(file, hz, seconds, rate=24_000):
    """A tone that begins and ends softly within 2 ms."""
    frames, ramp = int(seconds * rate), int(0.002 * rate)
    samples = array.array("h")
    for i in range(frames):
        soft = min(1.0, (i + 1) / ramp, (frames - i) / ramp)
        samples.append(round(32_767 * LEVEL * soft * math.sin(2 * math.pi * hz * i / rate)))
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.tobytes())


class Heard:
    """What a recording holds of a tone, in windows of 10 ms.

    Within each the tone's level and phase are measured against one oscillator, so
    that a lost or repeated frame is a step of 0.13 rad at 1013 Hz and 48 kHz.
    """

    def __init__(self, file, hz, rate):
        samples = array.array("h")
        with open(file, "rb") as recording:
            data = recording.read()
        samples.frombytes(data[: len(data) // 2 * 2])
        self.window = int(WINDOW_S * rate)
        turn = cmath.exp(-2j * math.pi * hz / rate)
        table = [turn**i for i in range(self.window)]
        step = turn**self.window
        self.tones, at = [], 1 + 0j
        for start in range(0, len(samples) - self.window + 1, self.window):
            part = samples[start : start + self.window]
            total = sum(map(lambda s, w: s * w, part, table))
            self.tones.append(total * at * 2 / self.window / 32_768 / LEVEL)
            at *= step
        loud = [i for i, tone in enumerate(self.tones) if abs(tone) > 0.5]
        self.first, self.last = (loud[0], loud[-1]) if loud else (0, -1)

    @property
    def seconds(self):
        """From the first window that is filled to the last, edges by their level."""
        if self.last < self.first:
            return 0.0
        ends = [self.first - 1, self.last + 1]
        edges = sum(min(1.0, abs(self.tones[i])) for i in ends if 0 <= i < len(self.tones))
        inner = self.tones[self.first : self.last + 1]
        whole = len(inner) - 2 + min(1.0, abs(inner[0])) + min(1.0, abs(inner[-1]))
        return (whole + edges) * WINDOW_S

    @property
    def began_s(self):
        return self.first * WINDOW_S

    @property
    def ended_s(self):
        return (self.last + 1) * WINDOW_S

    def breaks(self):
        """Where within the tone it falls or jumps, in words."""
        found = []
        inner = self.tones[self.first + 1 : self.last]
        for i, tone in enumerate(inner):
            at_s = (self.first + 1 + i) * WINDOW_S
            if not 0.93 < abs(tone) < 1.07:
                found.append(f"level {abs(tone):.2f} at {at_s:.2f} s")
            elif i and abs(inner[i - 1]) > 0.93 and abs(cmath.phase(tone / inner[i - 1])) > 0.06:
                jump = cmath.phase(tone / inner[i - 1])
                found.append(f"phase jumps by {jump:.2f} rad at {at_s:.2f} s")
        return found
