"""What befalls a sound server and its devices in the middle of a talk, and the waiting until it is over."""

import time
from pathlib import Path

from server import MICROPHONE, SPEAKER


class Wrong(Exception):
    """What a check found, in words."""


def demand(is_so, what):
    if not is_so:
        raise Wrong(what)


def threads(conversation):
    """The names of the program's threads."""
    tasks = Path(f"/proc/{conversation.program.process.pid}/task")
    return sorted(name for name in (name_of(task) for task in tasks.iterdir()) if name)


def name_of(task):
    try:
        return (task / "comm").read_text().strip()
    except OSError:
        return None


# On a busy machine anything may take long; what is waited for comes.
SOON_S = 60


def waited(what, is_so):
    """Looks until it is so; how long that took."""
    began = time.monotonic()
    while not is_so():
        demand(time.monotonic() - began < SOON_S, f"in vain waited for: {what}")
        time.sleep(0.02)
    return time.monotonic() - began


def back(conversation, *sides):
    """Waits until each of these sides was lost as often as it was back, and at least once."""
    def count(event, side):
        return sum(e["side"] == side for e in conversation.program.all(event))

    def is_back():
        return all(count("sound_back", side) >= max(1, count("sound_lost", side)) for side in sides)

    waited(f"{sides} back", is_back)


def restart(server, _):
    server.kill()
    server.children[0].wait()
    time.sleep(1.0)
    server.start()


def unplug(sink):
    """Takes a sink and its source away, and plugs it in again. The server hands the stream to another one meanwhile."""
    def trouble(server, conversation):
        lost = len(conversation.program.all("sound_lost"))
        server.pactl("unload-module", server.module_of(sink))
        waited("the loss", lambda: len(conversation.program.all("sound_lost")) > lost)
        server.load(sink)
        server.pactl("set-default-sink", SPEAKER)
        server.pactl("set-default-source", MICROPHONE)
    return trouble


def unplug_all(server, conversation):
    """There is nothing left that the server could hand the streams to."""
    lost = len(conversation.program.all("sound_lost"))
    for sink in (SPEAKER, "microphone"):
        server.pactl("unload-module", server.module_of(sink))
    waited("the loss", lambda: len(conversation.program.all("sound_lost")) >= lost + 2)
    for sink in ("microphone", SPEAKER):
        server.load(sink)
    server.pactl("set-default-sink", SPEAKER)
    server.pactl("set-default-source", MICROPHONE)


def suspend(server, conversation):
    lost = len(conversation.program.all("sound_lost"))
    # The microphone is what its sink plays.
    for sink in (SPEAKER, "microphone"):
        server.pactl("suspend-sink", sink, "1")
    waited("the loss", lambda: len(conversation.program.all("sound_lost")) >= lost + 2)
    for sink in (SPEAKER, "microphone"):
        server.pactl("suspend-sink", sink, "0")


def other_default(server, _):
    """Headphones are plugged in and become the default."""
    server.load("headphones")
    server.pactl("set-default-sink", "headphones")


def moved(server, _):
    """Somebody moves the streams to other devices while they run."""
    for sink in ("elsewhere", "another"):
        server.load(sink)
        # Or it goes on with what it has made ahead, and asks for nothing meanwhile.
        waited(f"{sink} in small steps", lambda: server.latency_usec(sink) < 50_000)
    server.pactl("move-sink-input", server.stream_of("sink-inputs", "speaker"), "elsewhere")
    server.pactl("move-source-output", server.stream_of("source-outputs", "microphone"), "another.monitor")


def default_removed(server, _):
    """The server hands the stream to the sink that is left, and that is the default then."""
    server.load("spare")
    server.pactl("unload-module", server.module_of(SPEAKER))
    # Or the program would speak into its own microphone.
    server.pactl("set-default-sink", "spare")


def settled(server):
    """All devices as they were at first."""
    server.start()
    time.sleep(3.0)
