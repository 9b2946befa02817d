"""A real HTTP server on this machine that misbehaves as real ones do."""

import gzip
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from idx_files import MEGABYTE, MNIST, TEST_LABELS, idx_bytes

GOOD_BYTES = (MNIST / TEST_LABELS).read_bytes()
OTHER_LABELS = gzip.compress(idx_bytes((np.arange(10_000) % 10).astype(np.uint8)))


class Mirror(BaseHTTPRequestHandler):
    """/good/NAME sends the file; the other first folders name a way to misbehave."""

    def do_GET(self):
        _, behaviour, name = self.path.split("/", 2)
        getattr(self, behaviour.replace("-", "_"), self.status)(name)

    def log_message(self, *_):
        pass

    def send(self, body, length=None, status=200, **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if length != "none":
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def good(self, name):
        self.send((MNIST / name).read_bytes())

    def without_length(self, name):
        self.send((MNIST / name).read_bytes(), length="none")

    def status(self, _):
        self.send(b"<html>no</html>", status=int(self.path.split("/")[1]))

    def html(self, _):
        self.send(b"<!DOCTYPE html><html><body>Please log in.</body></html>")

    def empty(self, _):
        self.send(b"")

    def cut(self, _):
        self.send(GOOD_BYTES[:2_000])

    def cut_early(self, _):
        self.send(GOOD_BYTES[:2_000], length=len(GOOD_BYTES))

    def cut_chunk(self, _):
        self.protocol_version = "HTTP/1.1"
        self.send(b"fff\r\n" + GOOD_BYTES[:2_000], "none", **{"Transfer-Encoding": "chunked"})
        self.close_connection = True

    def flipped(self, _):
        self.send(GOOD_BYTES[:3_000] + bytes([GOOD_BYTES[3_000] ^ 4]) + GOOD_BYTES[3_001:])

    def wrong(self, _):
        self.send(OTHER_LABELS)

    def trailing(self, _):
        self.send(GOOD_BYTES + b"<!-- served by a proxy -->")

    def endless(self, _):
        self.send(b"", length="none")
        self.fill(bytes(MEGABYTE))

    def endless_gzip(self, _):
        self.send(b"", length="none")
        self.fill(gzip.compress(b"") * 50_000)

    def fill(self, block):
        try:
            while True:
                self.wfile.write(block)
        except OSError:
            self.server.hung_up.set()

    def drops(self, _):
        self.send(b"", length=len(GOOD_BYTES))
        try:
            for byte in GOOD_BYTES:
                self.wfile.write(bytes([byte]))
                if self.server.closing.wait(0.05):
                    return
        except OSError:
            self.server.hung_up.set()

    def silent(self, _):
        self.server.closing.wait(30)

    def stalled(self, _):
        self.send(GOOD_BYTES[:2_000], length=len(GOOD_BYTES))
        self.server.stalled.set()
        self.server.closing.wait(30)

    def escape_codes(self, _):
        self.wfile.write(
            b"HTTP/1.0 500 \x1b[2J\x1b[31mformat your disk" + b"!" * 60_000 + b"\r\n\r\n"
        )

    def hang_up(self, _):
        self.close_connection = True

    def no_http(self, _):
        self.wfile.write(b"220 mail.example.org ready\r\n")

    def redirect(self, name):
        self.send(b"", status=302, Location=f"/good/{name}")

    def redirect_in_a_circle(self, name):
        self.send(b"", status=302, Location=self.path)

    def redirect_to_ftp(self, name):
        self.send(b"", status=302, Location=f"ftp://127.0.0.1/{name}")

    def redirect_to_disk(self, name):
        self.send(b"", status=302, Location=(MNIST / name).as_uri())

    def redirect_to_nonsense(self, _):
        self.send(b"", status=302, Location="http://[::1/")

    def redirect_to_plain_http(self, name):
        self.send(b"", status=302, Location=f"{self.server.plain_url}/good/{name}")


@contextmanager
def serving(certificate=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    server.closing, server.hung_up, server.stalled = (threading.Event() for _ in range(3))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    server.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
