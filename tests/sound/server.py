"""A PulseAudio of our own: a virtual microphone and a virtual speaker."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

RATE = 48_000
MICROPHONE = "microphone.monitor"
SPEAKER = "speaker"
# A held stream keeps a null sink working in small steps; idle it makes 2 s at once.
STEP_MS = 5

# Above the program's callbacks (10), as sound servers are.
PRIORITY = "20"


def first():
    """What puts a command before ordinary work; nothing where the system does not let us."""
    for way in (["chrt", "--rr", PRIORITY], ["nice", "-n", "-15"]):
        if shutil.which(way[0]):
            tried = subprocess.run([*way, "true"], capture_output=True)
            # Where it may not, nice only complains.
            if tried.returncode == 0 and not tried.stderr:
                return way
    return []


class SoundServer:
    def __init__(self, step_ms=STEP_MS):
        self.first, self.step = first(), f"--latency-msec={step_ms}"
        self.folder = Path(tempfile.mkdtemp(prefix="chinwag-sound-"))
        socket = self.folder / "native"
        self.env = {
            **os.environ,
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.folder),
            "PULSE_RUNTIME_PATH": str(self.folder),
            "PULSE_SERVER": f"unix:{socket}",
        }
        self.log = self.folder / "pulseaudio.log"
        modules = [
            f"module-native-protocol-unix auth-anonymous=1 socket={socket}",
            f"module-null-sink sink_name=microphone rate={RATE} sink_properties=device.description=Microphone",
            f"module-null-sink sink_name={SPEAKER} rate={RATE} sink_properties=device.description=Speaker",
        ]
        self.flags = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--disallow-exit", "--use-pid-file=no"]
        self.flags += ["--realtime=yes", "--high-priority=yes"]
        self.flags += ["--log-level=debug", f"--log-target=file:{self.log}"]
        self.flags += [f"--load={module}" for module in modules]
        self.children = []
        self.start()
        # The 2 s that a sink made ahead before it was held are played out first:
        # speech within them was lost in 3 of 4 runs.
        time.sleep(3.0)

    def start(self):
        """Starts the server and holds its sinks; again after `kill`."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        for child in reversed(self.children):
            child.kill()
            child.wait()
        (self.folder / "native").unlink(missing_ok=True)
        self.children = [subprocess.Popen(["pulseaudio", *self.flags], env=self.env, **quiet)]
        for _ in range(600):
            if subprocess.run(["pactl", "info"], env=self.env, **quiet).returncode == 0:
                break
            time.sleep(0.05)
        else:
            raise SystemExit(f"PulseAudio did not start:\n{self.log.read_text()}")
        if "chrt" in self.first:
            # It gives up what it is started with; only its sinks' threads ask for it again.
            chrt = ["chrt", "--rr", "--all-tasks", "-p", PRIORITY, str(self.children[0].pid)]
            subprocess.run(chrt, check=True)
        self.pactl("set-default-sink", SPEAKER)
        self.pactl("set-default-source", MICROPHONE)
        # Listeners hold: a player would run dry under load, and each time the sink
        # takes back what others had played.
        for source in (MICROPHONE, f"{SPEAKER}.monitor"):
            self.hold(source)

    def hold(self, source):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        holder = [*self.first, "parec", "-d", source, self.step, "--raw"]
        self.children.append(subprocess.Popen(holder, env=self.env, **quiet))

    def load(self, sink):
        """Plugs in a sink, and with it the source `NAME.monitor`; its module."""
        words = ["pactl", "load-module", "module-null-sink", f"sink_name={sink}", f"rate={RATE}"]
        module = subprocess.run(words, env=self.env, check=True, capture_output=True, text=True).stdout.strip()
        self.hold(f"{sink}.monitor")
        return module

    def module_of(self, sink):
        """The module of a sink, to be unloaded."""
        words = ["pactl", "list", "short", "modules"]
        lines = subprocess.run(words, env=self.env, check=True, capture_output=True, text=True).stdout.splitlines()
        return next(line.split()[0] for line in lines if f"sink_name={sink}" in line)

    def latency_usec(self, sink):
        """How much a sink has made ahead."""
        words = ["pactl", "list", "sinks"]
        text = subprocess.run(words, env=self.env, check=True, capture_output=True, text=True).stdout
        entry = next(entry for entry in text.split("\n\n") if f"Name: {sink}\n" in entry)
        return int(entry.split("Latency: ", 1)[1].split()[0])

    def stream_of(self, kind, name):
        """The number of the program's stream: of `sink-inputs` or `source-outputs`."""
        words = ["pactl", "list", kind]
        text = subprocess.run(words, env=self.env, check=True, capture_output=True, text=True).stdout
        for entry in text.split("\n\n"):
            if f'media.name = "{name}"' in entry:
                return entry.split("#", 1)[1].split()[0]
        return None

    def pactl(self, *words):
        subprocess.run(["pactl", *words], env=self.env, check=True, stdout=subprocess.DEVNULL)

    def record(self, file, sink=SPEAKER):
        """What the speaker plays, mono, 16 bits, until the process is ended."""
        command = [*self.first, "parec", "-d", f"{sink}.monitor", self.step, "--raw"]
        command += ["--format=s16le", f"--rate={RATE}", "--channels=1"]
        return subprocess.Popen(command, stdout=open(file, "wb"), env=self.env)

    def say(self, wave, sink="microphone"):
        """Plays a file into the microphone, to its end."""
        command = [*self.first, "paplay", "-d", sink, str(wave)]
        subprocess.run(command, env=self.env, check=True, timeout=30)

    def underruns(self):
        """How often the server reported that the program's own stream ran dry.

        By the name that the program gives its stream; of others nothing is excused.
        """
        return self.log.read_text(errors="replace").count("underrun of 'speaker'")

    def kill(self):
        """As a crash would."""
        self.children[0].send_signal(signal.SIGKILL)

    def end(self):
        for child in reversed(self.children):
            child.kill()
            child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
