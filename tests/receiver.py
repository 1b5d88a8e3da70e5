"""An HTTP server on loopback that keeps what it gets: a channel's service, or whoever takes events."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """*status*: what it answers, once *open*. *got*: bodies in the order in which they came, with *headers* beside.

    *asked*: how many requests came. *refuses*: what is in no body that it takes.
    """

    port: int = 0
    status: int = 200
    asked: int = 0
    refuses: bytes = b""
    open: threading.Event = field(default_factory=threading.Event)
    got: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(each) for each in self.got]


@contextmanager
def receiver() -> Iterator[Receiver]:
    kept = Receiver()
    kept.open.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            kept.asked += 1
            kept.open.wait(10)
            status = 400 if kept.refuses and kept.refuses in body else kept.status
            if status < 400:
                kept.got.append(body)
                kept.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        kept.open.set()
        server.shutdown()
        server.server_close()
        thread.join()
