"""The least of a Live API: one connection, time stamps of what comes, replies in parts of 40 ms."""

import array
import base64
import hashlib
import json
import socket
import struct
import threading
import time

from tls import Sealed

UP_RATE, DOWN_RATE = 16_000, 24_000
PART_S = 0.040
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class LiveServer:
    """Listens at once, over TLS where there is a certificate; `ready` is set when the client has been set up."""

    def __init__(self, watch, certificate=None):
        self.watch, self.certificate = watch, certificate
        self.listener = socket.create_server(("127.0.0.1", 0))
        port = self.listener.getsockname()[1]
        self.url = f"wss://localhost:{port}" if certificate else f"ws://127.0.0.1:{port}"
        # Of every audio message: when it was read, and its first sample's place.
        self.arrivals, self.heard = [], array.array("h")
        self.ready, self.cut = threading.Event(), threading.Event()
        self.sending = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        self.client, _ = self.listener.accept()
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = b""
        try:
            if self.certificate:
                self.client = Sealed(self.client, self.certificate)
            while b"\r\n\r\n" not in self.unread:
                self.unread += self.client.recv(65_536)
            head, self.unread = self.unread.split(b"\r\n\r\n", 1)
            fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
            key = next(value for name, value in fields.items() if name.lower() == b"sec-websocket-key")
            accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
            answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            self.client.sendall(answer + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
            while True:
                self._take(*self._frame())
        except (OSError, EOFError):
            pass

    def _exactly(self, size):
        while len(self.unread) < size:
            more = self.client.recv(65_536)
            if not more:
                raise EOFError
            self.unread += more
        data, self.unread = self.unread[:size], self.unread[size:]
        return data

    def _frame(self):
        """The next frame's kind, payload, and the time at which its last byte was read."""
        kind, size = self._exactly(2)
        size &= 127
        if size >= 126:
            size = int.from_bytes(self._exactly(2 if size == 126 else 8))
        mask, masked = self._exactly(4), self._exactly(size)
        at = time.monotonic()
        pad = (mask * (size // 4 + 1))[:size]
        return kind & 15, (int.from_bytes(masked) ^ int.from_bytes(pad)).to_bytes(size), at

    def _take(self, kind, payload, at):
        if kind == 8:
            raise EOFError
        if kind == 9:
            self._put(0x8A, payload)
        if kind not in (1, 2):
            return
        message = json.loads(payload)
        if "setup" in message:
            self.send({"setupComplete": {}})
            self.ready.set()
        # The older call of Google's SDK for Python writes the field in its own way, with a list in it.
        for name, what in (message.get("realtimeInput") or message.get("realtime_input", {})).items():
            samples = array.array("h")
            if name == "media_chunks":
                name, what = "audio", what[0]
            if name == "audio":
                # That call has the alphabet for URLs; this takes either.
                samples.frombytes(base64.urlsafe_b64decode(what["data"]))
                self.arrivals.append((at, len(self.heard)))
                self.heard.extend(samples)
            self.watch(name, samples)

    def _put(self, head, payload):
        size = len(payload)
        length = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)
        with self.sending:
            self.client.sendall(bytes([head]) + length + payload)

    def send(self, message):
        self._put(0x82, json.dumps(message).encode())

    def interrupt(self):
        """Ends the reply as the service does; the time just before that."""
        self.cut.set()
        at = time.monotonic()
        self.send({"serverContent": {"interrupted": True}})
        self.send({"serverContent": {"turnComplete": True}})
        return at

    def reply(self, pcm, pace):
        """Sends PCM at `pace` times real time until it is cut; the time just before its first part.

        Returns after the first part; a thread sends the others.
        """
        self.cut.clear()
        size = int(PART_S * DOWN_RATE) * 2
        parts = [pcm[at : at + size] for at in range(0, len(pcm), size)]
        messages = [self._part(part) for part in parts]
        start = time.monotonic()
        self.send(messages[0])
        threading.Thread(target=self._rest, args=(messages, start, pace), daemon=True).start()
        return start

    def _rest(self, messages, start, pace):
        for index, message in enumerate(messages[1:], 1):
            left = start + index * PART_S / pace - time.monotonic()
            if self.cut.wait(max(0, left)):
                return
            self.send(message)
        self.send({"serverContent": {"generationComplete": True}})
        self.send({"serverContent": {"turnComplete": True}})

    @staticmethod
    def _part(pcm):
        data = {"mimeType": f"audio/pcm;rate={DOWN_RATE}", "data": base64.b64encode(pcm).decode()}
        return {"serverContent": {"modelTurn": {"parts": [{"inlineData": data}]}}}

    def read_at(self, sample):
        """When the message was read that holds this sample."""
        index = max(i for i, (_, first) in enumerate(self.arrivals) if first <= sample)
        return self.arrivals[index][0]
