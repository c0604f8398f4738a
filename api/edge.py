"""The outermost layer of the service: HEAD, limits of body and path, headers, figures, and the last catch of errors."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import security_headers
from api.byte_range import without_odd_range
from api.errors import BodyTooLarge, problem_of
from api.metrics import Metrics
from api.problem import Problem
from cim.errors import InvalidInput

BODY_LIMIT = 8 * 1024 * 1024
ADDRESS_LIMIT = 8192
#: A client that says no more for so long, in the middle of its request, is not waited for.
SILENCE_S = 15
_NOT_ASCII = re.compile(rb"[\x80-\xff]")


class Edge:
    """ASGI: every request passes here first and every answer last."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        scope.setdefault("state", {})  # optional in the protocol
        method = scope["method"]
        exchange = Exchange(scope, receive, send)
        scope["headers"] = without_odd_range(scope["headers"], method)
        # People type Chinese into addresses, and not every client encodes it; the framework would read Latin-1.
        scope["query_string"] = _NOT_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], scope["query_string"])
        try:
            _check_address(scope)
            _check_length(Headers(scope=scope))
            await self.app(scope, exchange.receive, exchange.send)
        except Exception as error:
            # The framework raises an error again after it has answered; it is logged by then.
            if exchange.status is None:
                await problem_of(error, scope["path"]).response()(scope, exchange.receive, exchange.send)
        finally:
            self.metrics.record(method, route_of(scope), exchange.status or 499, time.perf_counter() - began)


class Exchange:
    """The two channels of one request, with what this layer adds to them."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._is_head = scope["method"] == "HEAD"
        self._is_done = False
        self._is_whole = scope["method"] in ("GET", "HEAD")
        self._received = 0
        #: Sent instead of the answer's own body.
        self._instead: bytes | None = b"" if self._is_head else None
        self.status: int | None = None
        if self._is_head:
            # A HEAD is a GET whose body is not sent (RFC 9110, 9.3.2); routes need not know of it.
            scope["method"] = "GET"

    async def receive(self) -> Message:
        """Pass on a part of the body, as long as the whole is within the limit."""
        if self._is_head and self._is_done:
            return {"type": "http.disconnect"}
        message = await (self._receive() if self._is_whole else self._next_part())
        self._received += len(message.get("body", b""))
        if self._received > BODY_LIMIT:
            raise _too_large()
        return message

    async def send(self, message: Message) -> None:
        """Pass on a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.status == 416:
                message = self._refuse_range(message)
            message = {**message, "headers": security_headers.add_missing(list(message.get("headers", ())))}
        elif self._instead is not None:
            if self._is_done:
                return
            self._is_done = True
            message = {"type": "http.response.body", "body": self._instead, "more_body": False}
        await self._send(message)

    async def _next_part(self) -> Message:
        """Wait for more of a body, but not for ever.

        Raises
        ------
        HTTPException
            Where nothing comes, or the client goes away before the body is whole; no fault of ours to be logged.
        """
        try:
            async with asyncio.timeout(SILENCE_S):
                message = await self._receive()
        except TimeoutError:
            said = f"nothing more of the body came for {SILENCE_S} s; send the whole request"
            raise HTTPException(408, said, {"Connection": "close"}) from None
        if message["type"] == "http.disconnect":
            raise HTTPException(400, "the connection ended before the body was whole")
        self._is_whole = not message.get("more_body", False)
        return message

    def _refuse_range(self, message: Message) -> Message:
        """Put a problem in the place of the framework's empty answer to a range outside of a file."""
        size = next((value for name, value in message["headers"] if name.lower() == b"content-range"), b"bytes */*")
        said = f"the range lies outside of the file, which has {size.partition(b'/')[2].decode()} bytes"
        answer = Problem(416, said, code="range_not_satisfiable", headers={"Content-Range": size.decode()}).response()
        self._instead = bytes(answer.body)
        return {**message, "headers": answer.raw_headers}


def route_of(scope: MutableMapping[str, Any]) -> str:
    """Return the template of the route that answered, of which there are few."""
    route = scope.get("state", {}).get("route") or getattr(scope.get("route"), "path", None)
    return str(route or "unmatched")


def _check_address(scope: Scope) -> None:
    path, query = scope["path"], scope["query_string"]
    if "\0" in path or b"%00" in query or b"\0" in query:
        raise InvalidInput("the address has a NUL character; leave it out", "nul_character", field="address")
    if len(path) + len(query) > ADDRESS_LIMIT:
        raise InvalidInput(
            f"the address has more than {ADDRESS_LIMIT} characters; send fewer", "address_too_long", most=ADDRESS_LIMIT
        )


def _check_length(headers: Headers) -> None:
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise InvalidInput("the header Content-Length is not a number", "length_wrong")
    if int(length[:20]) > BODY_LIMIT:
        raise _too_large()


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(
        f"the body has more than {BODY_LIMIT // 1024 // 1024} MB; send a smaller or simpler one",
        "body_too_large", most_mb=BODY_LIMIT // 1024 // 1024,
    )  # fmt: skip
