"""TLS for the Live API on loopback."""

import ssl
import subprocess
import threading


def certificate(folder):
    """A certificate for localhost, good for two days, with its key in the same file."""
    path = folder / "localhost.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", str(path), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


class Sealed:
    """The server's side of a connection: one thread may read while others send, which an SSLSocket does not promise."""

    def __init__(self, raw, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.raw, self.lock = raw, threading.Lock()
        self.came, self.goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.came, self.goes, server_side=True)
        self._done(self.tls.do_handshake)

    def _done(self, step, *arguments):
        """What a step gives, as soon as enough has come for it."""
        while True:
            with self.lock:
                try:
                    done = [step(*arguments)]
                except ssl.SSLWantReadError:
                    done = []
                # Within the lock, or records would overtake one another.
                if self.goes.pending:
                    self.raw.sendall(self.goes.read())
            if done:
                return done[0]
            data = self.raw.recv(65_536)
            with self.lock:
                if data:
                    self.came.write(data)
                else:
                    self.came.write_eof()

    def recv(self, size):
        try:
            return self._done(self.tls.read, size)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def sendall(self, data):
        self._done(self.tls.write, data)
