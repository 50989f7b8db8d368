"""A web server on loopback that serves a dictionary of files and misbehaves on request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class WebServer:
    """Files by path, with the faults of the coming requests."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    password: str = ""
    """The Authorization header that is asked for, if any."""
    faults: list[int] = field(default_factory=list)
    """Statuses to answer next, before anything is served; 0 cuts the connection, -1 cuts it after half the file."""
    ranges: bool = True
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Path and Authorization header of each request so far."""


@contextmanager
def web_server() -> Iterator[WebServer]:
    """A running server, stopped at the end."""
    state = WebServer()
    server = _Server(state)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    def __init__(self, state: WebServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = state


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.state.requests.append((path, self.headers.get("Authorization", "")))
        fault = self.server.state.faults.pop(0) if self.server.state.faults else 200
        if fault > 0:
            self.answer(path, fault)
        elif fault < 0:
            self.cut(self.server.state.files[path])

    def answer(self, path: str, status: int) -> None:
        if status != 200:
            self.send_error(status)
        elif path in self.server.state.redirects:
            self.send_response(302)
            self.send_header("Location", self.server.state.redirects[path])
            self.end_headers()
        elif self.server.state.password and self.headers.get("Authorization") != self.server.state.password:
            self.send_error(401)
        elif path not in self.server.state.files:
            self.send_error(404)
        else:
            self.serve(path, self.server.state.files[path])

    def serve(self, path: str, data: bytes) -> None:
        asked = self.headers.get("Range", "") if self.server.state.ranges else ""
        end = int(asked.rpartition("-")[2]) + 1 if asked else len(data)
        if asked and not data:
            self.send_error(416)
            return
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes 0-{min(end, len(data)) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data[:end])))
        self.send_header("Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT")
        if path in self.server.state.etags:
            self.send_header("ETag", self.server.state.etags[path])
        self.end_headers()
        self.wfile.write(data[:end])

    def cut(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])

    def log_message(self, format: str, *args: object) -> None:
        """Tests read `requests`, not the log."""
