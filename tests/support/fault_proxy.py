"""An HTTP proxy on loopback that loses, repeats, delays and cuts what passes, one planned fault per request."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from enum import Enum, auto
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Fault(Enum):
    """What happens to one request."""

    PASS = auto()
    LOSE_REQUEST = auto()  # the server never sees it; the connection is cut
    LOSE_ANSWER = auto()  # the server acts on it, and its answer is lost; the connection is cut
    REPEAT = auto()  # the server gets it twice; its second answer is given
    ANSWER_LATE = auto()  # the server acts on it, and its answer comes only when the proxy stops
    ARRIVE_LATE = auto()  # the connection is cut; the server gets it when `release` is called
    ERROR_BEFORE = auto()  # 503, the server never sees it
    ERROR_AFTER = auto()  # 500, though the server acted on it
    DENY = auto()  # 403, the server never sees it
    CONFLICT = auto()  # 409, as S3 answers when two conditional writes overlap
    CUT_BODY = auto()  # half of the answer's body, then the connection is cut
    IGNORE_CONDITION = auto()  # the server does not see If-None-Match
    NOT_IMPLEMENTED = auto()  # 501, the server never sees it


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in."""

    method: str
    path: str
    headers: Message[str, str]
    body: bytes

    @property
    def is_commit(self) -> bool:
        """Whether it writes or reads a log entry."""
        return "/log/" in self.path


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as the server gave it."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class FaultProxy:
    """A running proxy; `decide` names the fault of each request."""

    target: str
    decide: Callable[[Request], Fault] = field(default=lambda request: Fault.PASS)
    seen: list[tuple[str, Fault]] = field(default_factory=list)
    late: list[Request] = field(default_factory=list)
    url: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)

    def plan(self, *faults: Fault, when: Callable[[Request], bool] = lambda request: request.is_commit) -> None:
        """Give these faults, in order, to the coming requests that `when` chooses; later ones pass."""
        waiting, lock = deque(faults), threading.Lock()

        def decide(request: Request) -> Fault:
            with lock:
                return waiting.popleft() if waiting and when(request) else Fault.PASS

        self.decide = decide

    def release(self) -> list[int]:
        """Let the late requests arrive; returns the statuses of the server's answers."""
        late, self.late = self.late, []
        return [self.forward(request).status for request in late]

    def forward(self, request: Request, without: str = "") -> Answer:
        """Send a request on, less one header, and return the answer."""
        connection = HTTPConnection(urlsplit(self.target).netloc, timeout=60)
        try:
            connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                # The proxy itself answers "Expect", and speaks to the server once per connection.
                if name.lower() not in {"expect", "connection", without}:
                    connection.putheader(name, value)
            connection.endheaders(request.body)
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()


@contextmanager
def fault_proxy(target: str) -> Iterator[FaultProxy]:
    """A proxy before the server at URL `target`, stopped at the end."""
    proxy = FaultProxy(target)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy))
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(proxy: FaultProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, self.path, self.headers, body)
            fault = proxy.decide(request)
            proxy.seen.append((self.command, fault))
            answer = _outcome(proxy, request, fault)
            if answer is None:
                self.close_connection = True
            else:
                self.reply(answer, fault is Fault.CUT_BODY)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

        def reply(self, answer: Answer, cut: bool) -> None:
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", _length(answer, self.command))
            self.send_header("Connection", "close")  # no connection outlives the proxy
            self.end_headers()
            self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)

        def log_message(self, format: str, *args: object) -> None:
            """Tests read `seen`, not the log."""

    return Handler


def _length(answer: Answer, method: str) -> str:
    given = {name.lower(): value for name, value in answer.headers}
    return given.get("content-length", "0") if method == "HEAD" else str(len(answer.body))


def _outcome(proxy: FaultProxy, request: Request, fault: Fault) -> Answer | None:
    if fault in _INVENTED:
        return Answer(_INVENTED[fault], [], b"")
    if fault is Fault.LOSE_REQUEST:
        return None
    if fault is Fault.ARRIVE_LATE:
        proxy.late.append(request)
        return None
    answer = proxy.forward(request, "if-none-match" if fault is Fault.IGNORE_CONDITION else "")
    if fault is Fault.REPEAT:
        answer = proxy.forward(request)
    if fault is Fault.ANSWER_LATE:
        proxy.stopping.wait()
        return None
    if fault is Fault.ERROR_AFTER:
        return Answer(500, [], b"")
    return None if fault is Fault.LOSE_ANSWER else answer


_INVENTED = {Fault.ERROR_BEFORE: 503, Fault.DENY: 403, Fault.CONFLICT: 409, Fault.NOT_IMPLEMENTED: 501}
