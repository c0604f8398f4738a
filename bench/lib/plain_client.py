"""A client that posts JSON over one connection and costs next to nothing: it runs on the cores of what it measures.

httpx takes 3 ms of a core for each request, as much as the service itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class PlainClient:
    """One open connection of HTTP/1.1."""

    def __init__(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._host = host
        self._reader = reader
        self._writer = writer

    async def post(self, path: str, body: bytes) -> bytes:
        """Return what is answered; anything but success ends the program."""
        head = f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        status, *fields = (await self._reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        lengths = [field.partition(":")[2] for field in fields if field.lower().startswith("content-length:")]
        answer = await self._reader.readexactly(int(lengths[0]) if lengths else 0)
        if status.split()[1] not in ("200", "201"):
            raise SystemExit(f"not taken: {status} {answer[:300]!r}")
        return answer


@asynccontextmanager
async def plain_client(address: str) -> AsyncIterator[PlainClient]:
    """Open a connection to a service."""
    url = urlsplit(address)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    try:
        yield PlainClient(url.netloc, reader, writer)
    finally:
        writer.close()
