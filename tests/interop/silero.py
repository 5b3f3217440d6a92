"""Silero's own graph in onnxruntime against chinwag's `silero` engine, over speech and noise.

Started by silero.sh: `silero.py CHINWAG WEIGHTS`, the program and
silero_vad.onnx. Exits 1 where a probability differs by 1e-4 or more.
"""

import json
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np
import onnxruntime

SPEECH = Path(__file__).resolve().parents[2] / "demo" / "speech"
RATE = 16_000
HOP = 512
CONTEXT = 64
DIFFERENCE_MAX = 1e-4

chinwag, weights = sys.argv[1:]
session = onnxruntime.InferenceSession(weights, providers=["CPUExecutionProvider"])
takes_rate = any(given.name == "sr" for given in session.get_inputs())


def reference(samples):
    state, context = np.zeros((2, 1, 128), np.float32), np.zeros((1, CONTEXT), np.float32)
    for hop in samples[: len(samples) // HOP * HOP].reshape(-1, 1, HOP):
        feed = {"input": np.concatenate([context, hop], axis=1), "state": state}
        if takes_rate:
            feed["sr"] = np.array(RATE, np.int64)
        probability, state = session.run(None, feed)
        context = hop[:, -CONTEXT:]
        yield float(probability.ravel()[0])


def ours(signals, folder):
    """Probabilities by name, from the program's own account of its decisions."""
    for name, samples in signals.items():
        with wave.open(f"{folder}/{name}.wav", "wb") as out:
            out.setparams((1, 2, RATE, 0, "NONE", ""))
            out.writeframes(samples.tobytes())
    decisions = Path(folder) / "decisions.json"
    settings = ["--set", "capture.vad.engine=silero", "--set", f"capture.vad.weights={weights}"]
    command = [chinwag, "replay", folder, "--profile", "client-vad", *settings, "--decisions", decisions]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return {name: voice["prob"] for name, voice in json.loads(decisions.read_text())["vad"].items()}


def sentences():
    """The demo's speech at 16 kHz."""
    for path in sorted(SPEECH.glob("*.wav")):
        with wave.open(str(path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            length = len(samples) * RATE // file.getframerate()
            at = np.arange(length) * file.getframerate() / RATE
        yield path.stem, np.interp(at, np.arange(len(samples)), samples).round()


def signals():
    dice = np.random.default_rng(1)
    speech = np.concatenate([samples for _, samples in sentences()])
    yield from sentences()
    for name, level in [("hiss", 1), ("loud noise", 3_000), ("noise that clips", 30_000)]:
        yield name, dice.normal(0, level, 10 * RATE)
    for snr_db in (20, 10, 0):
        noise = dice.normal(0, np.std(speech) / 10 ** (snr_db / 20), len(speech))
        yield f"speech in noise at {snr_db} dB", speech + noise
    yield "a tone", 10_000 * np.sin(np.arange(5 * RATE) * 2 * np.pi * 440 / RATE)
    yield "silence", np.zeros(5 * RATE)


def whole(samples):
    """16 bits, in whole hops and whole blocks of 10 ms."""
    return samples[: len(samples) // 2_560 * 2_560].round().clip(-32_768, 32_767).astype("<i2")


given = {name: whole(samples) for name, samples in signals()}
with tempfile.TemporaryDirectory() as folder:
    heard = ours(given, folder)
worst, hops = 0.0, 0
for name, samples in given.items():
    expected = np.array(list(reference(samples.astype(np.float32) / 32_768)))
    if len(heard[name]) != len(expected):
        sys.exit(f"{name}: {len(heard[name])} probabilities, expected {len(expected)}")
    difference = np.abs(heard[name] - expected).max()
    print(f"{difference:.1e}  {expected.min():.3f} to {expected.max():.3f}  {name}")
    worst, hops = max(worst, difference), hops + len(expected)
print(f"silero: {hops} hops, onnxruntime {onnxruntime.__version__} differs by {worst:.1e} at most")
sys.exit(int(worst >= DIFFERENCE_MAX))
