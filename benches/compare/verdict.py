"""What is asked of chinwag beside the Python client, and whether it was reached. Figures in, table out; nothing is run."""

import statistics
from dataclasses import dataclass

from bench import p95

PYTHON = "Python client"
# What a resampler may do to the edges of what was said.
LOST_MAX = 0.02
WORDS = "words over a reply"


@dataclass(frozen=True)
class Row:
    """A figure of the client beside one of ours. `times`: how many times less ours has to be; None asks for nothing."""

    figure: str
    run: str
    unit: str
    times: float | None = None


ROWS = (
    Row("mic → wire", "10 ms chunks", "ms", 2.0),
    Row("mic → wire", "defaults", "ms", 1.5),
    Row("wire → speaker", "defaults", "ms"),
    Row("interrupt → silence", "defaults", "ms", 50.0),
    Row("voice → silence", "defaults", "ms"),
    Row("voice → silence", "client-vad", "ms"),
    Row(WORDS, "defaults", "s"),
    Row(WORDS, "client-vad", "s"),
    Row("CPU, no reply", "its period, server-vad", "s/min", 1.0),
    Row("CPU, no reply", "its period, client-vad", "s/min", 1.0),
    Row("CPU, reply of 20 s", "its period, server-vad", "s/min", 1.0),
    Row("CPU, reply of 20 s", "its period, client-vad", "s/min", 1.0),
    Row("peak memory", "most of all", "MB", 5.0),
)


@dataclass(frozen=True)
class Verdict:
    """`is_reached` is None where nothing is asked."""

    figure: str
    run: str
    theirs: str
    ours: str
    ratio: float | None
    asked: str
    is_reached: bool | None


def middle(value):
    """One number for a figure: the median of its events, or what it is; None where nothing was measured."""
    if isinstance(value, list):
        return statistics.median(value) if value else None
    return value


def shown(value, unit):
    if value is None or value == []:
        return "never"
    if unit == "ms":
        return f"{1e3 * statistics.median(value):.1f} / {1e3 * p95(value):.1f} ms"
    return f"{middle(value):.{1 if unit == 'MB' else 2}f} {unit}"


def judged(row, theirs, ours):
    before, after = middle(theirs), middle(ours)
    ratio = before / after if before is not None and after else None
    is_reached = None if row.times is None else ratio is not None and ratio >= row.times
    asked = "" if row.times is None else f"at least {row.times:g} ×"
    return Verdict(row.figure, row.run, shown(theirs, row.unit), shown(ours, row.unit), ratio, asked, is_reached)


def lost(words):
    """The part that was said and not heard; None where nothing was said."""
    return max(0.0, 1 - words["heard_s"] / words["said_s"]) if words and words["said_s"] else None


def judged_words(row, theirs, ours):
    """Heard where the client loses them: nothing may be missing of ours, and something has to be of theirs."""
    def told(words):
        part = lost(words)
        return "nothing was said" if part is None else f"{100 * part:.1f} % of {words['said_s']:.1f} s lost"

    before, after = lost(theirs), lost(ours)
    is_reached = before is not None and after is not None and after <= LOST_MAX < before
    return Verdict(row.figure, row.run, told(theirs), told(ours), None, "lost there, heard here", is_reached)


def verdicts(found):
    """`found` holds by run, then by figure, what was measured: a list, as of seconds, or one number."""
    def one(row):
        judge = judged_words if row.figure == WORDS else judged
        return judge(row, found.get(PYTHON, {}).get(row.figure), found.get(row.run, {}).get(row.figure))

    return [one(row) for row in ROWS]


def table(judgements):
    words = {None: "–", True: "reached", False: "NOT REACHED"}
    lines = [("p50 / p95 in ms", PYTHON, "chinwag", "with", "ratio", "asked", "")]
    for j in judgements:
        ratio = "–" if j.ratio is None else f"{j.ratio:.3g} ×"
        lines.append((j.figure, j.theirs, j.ours, j.run, ratio, j.asked, words[j.is_reached]))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(word.ljust(width) for word, width in zip(line, widths)).rstrip() for line in lines)
