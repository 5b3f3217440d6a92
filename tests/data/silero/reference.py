"""Silero VAD's 16 kHz graph in float64, on the made-up weights of made.rs: `reference.py > golden.txt`.

Needs numpy. Each line: the probability of one hop of 512 samples.
"""
import numpy as np

TENSORS = [
    ("conv0", (128, 129, 3), 1 / 16), ("bias0", (128,), 1 / 4),
    ("conv1", (64, 128, 3), 1 / 8), ("bias1", (64,), 1 / 4),
    ("conv2", (64, 64, 3), 1 / 4), ("bias2", (64,), 1 / 4),
    ("conv3", (128, 64, 3), 1 / 4), ("bias3", (128,), 1 / 4),
    ("weight_ih", (512, 128), 1 / 8), ("weight_hh", (512, 128), 1 / 8),
    ("bias_ih", (512,), 1 / 4), ("bias_hh", (512,), 1 / 4),
    ("verdict", (128,), 1.0), ("verdict_bias", (1,), 1 / 4),
]
# The loudness of each hop: silence, steps, a fade.
LEVELS = [0, 0, 0.3, 0.3, 0.01, 0.01, 1, 1, 0.1, 0.2, 0.4, 0.8, 0.05, 0, 0, 0, 0.5, 0.25, 0.12, 0.06, 0.03, 0, 0.6, 0.6]


def numbers(seed, count):
    state, made = seed, np.empty(count)
    for i in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        made[i] = (state >> 8) / 2**23 - 1
    return made


def weights(seed=1000):
    return {name: numbers(seed + i, np.prod(shape)).reshape(shape) * size
            for i, (name, shape, size) in enumerate(TENSORS, 1)}


def convolve(x, weight, bias, stride):
    """x: channels by time; padding 1, then ReLU."""
    x = np.pad(x, ((0, 0), (1, 1)))
    taps = np.lib.stride_tricks.sliding_window_view(x, 3, axis=1)[:, ::stride]
    return np.maximum(np.einsum("ock,ctk->ot", weight, taps) + bias[:, None], 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def probabilities(signal, w):
    context, h, c = np.zeros(64), np.zeros(128), np.zeros(128)
    for hop in signal.reshape(-1, 512):
        samples = np.pad(np.concatenate([context, hop]), (0, 64), mode="reflect")
        context = hop[-64:]
        frames = np.lib.stride_tricks.sliding_window_view(samples, 256)[::128]
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
        x = np.abs(np.fft.rfft(frames * window)).T
        for layer, stride in enumerate([1, 2, 2, 1]):
            x = convolve(x, w[f"conv{layer}"], w[f"bias{layer}"], stride)
        gates = w["weight_ih"] @ x[:, 0] + w["bias_ih"] + w["weight_hh"] @ h + w["bias_hh"]
        i, f, g, o = gates.reshape(4, 128)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        yield sigmoid(w["verdict"] @ np.maximum(h, 0) + w["verdict_bias"][0])


def signal():
    return (numbers(1, 512 * len(LEVELS)).reshape(-1, 512) * np.array(LEVELS)[:, None].astype(np.float32)).ravel()


if __name__ == "__main__":
    for probability in probabilities(signal(), weights()):
        print(f"{probability:.7f}")
