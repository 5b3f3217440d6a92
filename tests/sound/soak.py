"""Minutes of talk in real time over a sound server and a network that fail again and again.

Prints what each trouble did, a line per minute of what the program takes, and at
the end what was not as it was. Exits 1 where anything was not. Started by release.sh.
"""

import statistics
import sys
import time
from pathlib import Path

import tone
from server import MICROPHONE, SPEAKER, SoundServer
from talk import Talk
from troubles import Wrong, back, restart, suspend, unplug, unplug_all, waited

CHINWAG, MINUTES = str(Path(sys.argv[1]).resolve()), float(sys.argv[2])
QUESTION = Path(__file__).resolve().parents[2] / "demo" / "speech" / "user-1.wav"
HZ, REPLY_S = 700, 1.0
# From one trouble to the next; what is quiet at the end is compared with what was at first.
EVERY_S, QUIET_S = 45.0, 60.0
# How much memory may be more, or less, than after the first minute.
MEMORY_KB = 1_024
# How much later a reply may be heard on average; a block of 10 ms, twice.
LATER_MS = 20.0


def tear(_, conversation):
    before = len(conversation.program.all("reconnected"))
    conversation.wire.tear()
    waited("the next connection", lambda: len(conversation.program.all("reconnected")) > before)


TROUBLES = [
    ("the connection breaks", tear, ()),
    ("the speaker is unplugged and plugged in again", unplug(SPEAKER), ("output",)),
    ("the sound server is killed and restarted", restart, ("input", "output")),
    ("the microphone is unplugged and plugged in again", unplug("microphone"), ("input",)),
    ("all devices are suspended", suspend, ("input", "output")),
    ("all devices are unplugged and plugged in again", unplug_all, ("input", "output")),
]


class Soak:
    """One conversation, and what its process takes."""

    def __init__(self):
        self.server = SoundServer()
        reply = self.server.folder / "reply.wav"
        tone.write(reply, HZ, REPLY_S)
        devices = ["--mic", MICROPHONE, "--speaker", SPEAKER]
        flags = ["--profile", "headset", "--set", "turn.endpoint=fixed", *devices]
        # A kiosk's talk: the simulator tells it to go again and again.
        self.talk = Talk(CHINWAG, self.server, [reply], flags, ["--go-away-after", "100"])
        if not self.talk.ready:
            raise SystemExit(f"never ready: {''.join(self.talk.program.complaints)}")
        self.began = time.monotonic()
        self.asked = self.unanswered = self.troubles = 0

    def now_s(self):
        return time.monotonic() - self.began

    def takes(self):
        """Memory of its own in kB, threads, open files, of which sockets, and all that is resident, in kB.

        The pages of the program's and the libraries' code come in when first used, at a first unplugging for
        instance: they are told, but are no leak.
        """
        process = Path(f"/proc/{self.talk.program.process.pid}")
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        files = [link.readlink().name for link in (process / "fd").iterdir() if link.is_symlink()]
        sockets = sum(name.startswith("socket:") for name in files)
        own_kb, all_kb = (int(status[name].split()[0]) for name in ("RssAnon", "VmRSS"))
        return own_kb, int(status["Threads"]), len(files), sockets, all_kb

    def ask(self):
        """Says something; whether it was answered."""
        before = len(self.talk.program.all("reply_finished"))
        self.server.say(QUESTION)
        self.asked += 1
        try:
            waited("the answer", lambda: len(self.talk.program.all("reply_finished")) > before)
        except Wrong:
            self.unanswered += 1
            print(f"{self.now_s():7.1f} s  not answered", flush=True)

    def suffer(self):
        name, trouble, sides = TROUBLES[self.troubles % len(TROUBLES)]
        self.troubles += 1
        start = time.monotonic()
        trouble(self.server, self.talk)
        if sides:
            back(self.talk, *sides)
        print(f"{self.now_s():7.1f} s  {name}: over after {time.monotonic() - start:.1f} s", flush=True)
        # A sink that was plugged in just now may swallow its first seconds.
        time.sleep(3.0)

    def run(self):
        end_s, next_s, minute, first = 60 * MINUTES, EVERY_S, 1, None
        while self.now_s() < end_s:
            self.ask()
            if next_s <= self.now_s() < end_s - QUIET_S:
                self.suffer()
                next_s = self.now_s() + EVERY_S
            if self.now_s() >= 60 * minute:
                minute += 1
                print(f"{self.now_s():7.1f} s  {self.told(self.takes())}", flush=True)
                first = first or self.takes()
        return first, self.takes()

    @staticmethod
    def told(takes):
        return "{} kB, {} threads, {} files, {} of them sockets; with code {} kB".format(*takes)

    def judge(self, first, last):
        """What is not as it was after the first minute."""
        code, took = self.talk.end()
        self.server.end()
        turns = [turn for turn in self.talk.program.all("turn") if turn["response_ms"] is not None]
        third = max(1, len(turns) // 3)
        early, late = (statistics.mean(t["response_ms"] for t in part) for part in (turns[:third], turns[-third:]))
        connections = [event["value"] for event in self.talk.program.all("fact") if event["name"] == "connections"]
        print(f"after a minute {self.told(first)}; at the end {self.told(last)}")
        print(f"{self.asked} turns, {self.unanswered} not answered; {self.troubles} troubles; connections: {connections}")
        print(f"from your last sound to the reply: {early:.0f} ms in the first third, {late:.0f} ms in the last")
        return [
            what
            for what, is_so in (
                (f"ended with {code} after {took:.2f} s", code == 0),
                (f"{self.unanswered} turns were not answered", self.unanswered == 0),
                (f"memory went from {first[0]} to {last[0]} kB", abs(last[0] - first[0]) <= MEMORY_KB),
                (f"threads went from {first[1]} to {last[1]}", last[1] <= first[1]),
                (f"sockets went from {first[3]} to {last[3]}", last[3] <= first[3]),
                (f"replies came {late - early:.0f} ms later", abs(late - early) <= LATER_MS),
            )
            if not is_so
        ]


def main():
    soak = Soak()
    wrong = soak.judge(*soak.run())
    for what in wrong:
        print(f"wrong {what}")
    return 1 if wrong else 0


sys.exit(main())
