"""A small HTTP server that webhooks are told to: it keeps what it hears and answers as it is asked to."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

from layers.live.webhooks.deliveries import Delivery, Outcome
from layers.live.webhooks.send import send, sending_client
from layers.live.webhooks.target import Resolve

LOOPBACK = [ip_network("127.0.0.0/8")]
SECRET = "whsec_test"


@dataclass
class Receiver:
    """What was heard, and how to answer: ``script`` first, one entry a request, then 200.

    An entry is a status, ("redirect", address), "hang", or "drip" (a header line every 0.1 s, for ever).
    """

    script: list[Any] = field(default_factory=list)
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    address: str = ""
    port: int = 0
    is_closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keys(self) -> list[str]:
        """Return the names of the deliveries that were heard."""
        return [headers["cim-delivery"] for headers, _ in self.heard]

    def wait_for(self, count: int, within_s: float = 10.0) -> None:
        """Wait until so many requests were heard."""
        until = time.monotonic() + within_s
        while len(self.heard) < count:
            assert time.monotonic() < until, f"{len(self.heard)} of {count} were heard"
            time.sleep(0.02)


@contextmanager
def receiving(*script: Any, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Give a server on 127.0.0.1 for as long as the block lasts."""
    receiver = Receiver(list(script))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with receiver.lock:
                receiver.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
                then = receiver.script.pop(0) if receiver.script else 200
            _answer(self, then, receiver.is_closing)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, *_: Any) -> None:
            """Clients that go away are meant."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    receiver.address = f"{'https' if tls else 'http'}://127.0.0.1:{receiver.port}/hook?x=1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.is_closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(handler: BaseHTTPRequestHandler, then: Any, is_closing: threading.Event) -> None:
    if then == "hang":
        is_closing.wait(60)
        return
    if then == "drip":
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not is_closing.wait(0.1):
            handler.wfile.write(b"X-Slow: 1\r\n")
        return
    status = 302 if isinstance(then, tuple) else then
    handler.send_response(status)
    if isinstance(then, tuple):
        handler.send_header("Location", then[1])
    handler.send_header("Content-Length", "2")
    handler.end_headers()
    handler.wfile.write(b"ok")


def delivery(url: str, **more: Any) -> Delivery:
    """Return a delivery that no database has."""
    values: dict[str, Any] = {"id": 1, "key": uuid4(), "webhook_id": 2, "step": "collect", "event": {"title": "积水"},
                              "created_at": datetime.now(UTC), "attempts": 1, "url": url, "secret": SECRET}  # fmt: skip
    return Delivery(**values | more)


def deliver(
    one: Delivery, resolve: Resolve | None = None, *, allowed: Any = LOOPBACK, time_limit_s: float = 5.0
) -> Outcome:
    """Send one."""

    async def run() -> Outcome:
        async with sending_client() as client:
            return await send(client, one, allowed, resolve, time_limit_s=time_limit_s)

    return asyncio.run(run())
