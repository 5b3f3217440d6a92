"""One conversation: the simulator, the program, and the wire between them."""

import json
import queue
import signal
import socket
import subprocess
import threading
import time


class Lines:
    """The JSON lines of a process, each with the time it came."""

    def __init__(self, command, env):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, env=env, text=True, **pipes)
        self.events, self.complaints, self.news = [], [], queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._read_complaints, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            event = {**json.loads(line), "came": time.monotonic()}
            self.events.append(event)
            self.news.put(event)

    def _read_complaints(self):
        self.complaints.extend(self.process.stderr)

    def wait(self, name, timeout):
        """The next event of that name; None where it did not come in time."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            try:
                event = self.news.get(timeout=left)
            except queue.Empty:
                return None
            if event["event"] == name:
                return event
        return None

    def all(self, name):
        return [event for event in self.events if event["event"] == name]

    def order(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self, patience=3.0):
        """Its exit code and how long it took to end, or None where it had to be killed."""
        asked = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None, patience
        return code, time.monotonic() - asked


class Wire:
    """Passes bytes on between the program and the simulator, and counts what goes up."""

    def __init__(self, port):
        self.target, self.sent, self.open = port, [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.open = [client, server]
            threading.Thread(target=self._pass, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()

    def _pass(self, source, drain, count):
        try:
            while data := source.recv(65_536):
                if count:
                    self.sent.append((time.monotonic(), len(data)))
                drain.sendall(data)
        except OSError:
            pass
        for side in (source, drain):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def tear(self):
        """The connection breaks without a close frame; the next one stands."""
        for side in self.open:
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def bytes_between(self, start, end):
        return sum(size for at, size in self.sent if start <= at <= end)

    def end(self):
        self.listener.close()


class Talk:
    """The program talks with a simulator whose replies are these files."""

    def __init__(self, chinwag, server, replies, flags, sim_flags=()):
        self.server = server
        # Each of its own: what is left of another talk must not be heard in this one.
        self.heard_file = server.folder / f"heard-{time.monotonic_ns()}.raw"
        self.ended = None
        command = [chinwag, "sim", "--json", "--listen", "127.0.0.1:0", *sim_flags]
        command += ["--voice", *map(str, replies)]
        self.sim = Lines(command, server.env)
        listening = self.sim.wait("listening", 10)
        self.wire = Wire(int(listening["url"].rsplit(":", 1)[1]))
        self.recorder = server.record(self.heard_file)
        url = f"ws://127.0.0.1:{self.wire.port}"
        self.program = Lines([chinwag, "run", "--json", "--url", url, *flags], server.env)
        self.ready = self.program.wait("ready", 10)
        time.sleep(0.5)

    def end(self):
        """Ends all, once; the program's exit code and how long it took."""
        if self.ended is None:
            self.ended = self.program.end()
            self.recorder.terminate()
            self.recorder.wait()
            self.wire.end()
            self.sim.end()
        return self.ended

    def story(self):
        """What both ends saw, for a check that failed."""
        seen = [event["event"] for event in self.sim.events if event["event"] != "listening"]
        said = {event["name"]: event["value"] for event in self.program.all("fact")}
        wanted = ("lost", "speaker ran dry", "sound system", "worker's priority")
        return f"the service saw {seen}; {({name: said.get(name) for name in wanted})}"
