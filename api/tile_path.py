"""The way of a vector tile, in plain ASGI: address, caller, memory, the tile store, else one build for all who wait."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Sequence

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from api.auth import Access
from api.caching import VARY, matches, takes_gzip
from api.service import Service
from api.tile_shelf import Key
from cim.access import Caller
from cim.errors import InvalidInput
from cim.gzip_body import unpacked
from layers.catalogue import LayerRow
from tiles.form import form_of
from tiles.mvt import check_layer_ids, get_table
from tiles.store import Body, join, place_of
from tiles.tile import Tile, parse_tile

ADDRESS = re.compile(r"/tiles/([^/]{1,1000})/([^/]{1,20})/([^/]{1,20})/([^/]{1,20})\.mvt")
ROUTE = "/tiles/{layers}/{z}/{x}/{y}.mvt"
MEDIA_TYPE = b"application/vnd.mapbox-vector-tile"
_VARY = (b"vary", VARY.encode())
#: Kept by clients and proxies as long as they ask each time whether it holds.
_CACHE_CONTROL = {True: (b"cache-control", b"public, no-cache"), False: (b"cache-control", b"private, no-cache")}

#: What takes no longer than this is not worth being given up.
SOON_S = 0.05

RawHeaders = list[tuple[bytes, bytes]]


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


def is_tile(scope: Scope) -> bool:
    """Tell whether a request is for a vector tile."""
    path: str = scope["path"]
    return path.startswith("/tiles/") and path.endswith(".mvt") and scope["method"] == "GET"


class TilePath:
    """ASGI application of ``/tiles/{layers}/{z}/{x}/{y}.mvt``."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._forms: dict[str, tuple[LayerRow, bytes]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200 (gzip), 204 for an empty tile, or 304; every error is raised."""
        scope["state"]["route"] = ROUTE
        access: Access = scope["state"]["access"]
        layer_ids, tile = parse_address(scope["path"])
        rows = await self.service.versions.rows(layer_ids, access.caller)
        key = self._key(rows, tile, access.caller)
        asked = Headers(scope=scope)
        known = asked.get("if-none-match")
        if known and (tag := self.service.tiles.tag(key)) and matches(known, _etag(tag)):
            await self._unchanged(send, tag, access)
            return
        body = self.service.tiles.get(key)
        if body is None:
            try:
                body = await unless_gone(receive, self._body(key, rows))
            except ClientGone:
                return
            if known and matches(known, _etag(body.tag)):
                await self._unchanged(send, body.tag, access)
                return
        await _send_body(send, body, _headers(body.tag, access), gzipped=takes_gzip(asked.get("accept-encoding")))

    async def _unchanged(self, send: Send, tag: bytes, access: Access) -> None:
        self.service.metrics.bodies.labels("not_modified").inc()
        await _answer(send, 304, _headers(tag, access))

    def _key(self, rows: Sequence[LayerRow], tile: Tile, caller: Caller) -> Key:
        return tuple((place_of(row, tile, caller), self._form(row)) for row in rows)

    def _form(self, row: LayerRow) -> bytes:
        """Return the form of a layer's tiles, computed once for each reading of its row."""
        known = self._forms.get(row.id)
        if known is None or known[0] is not row:
            get_table(row)
            known = self._forms[row.id] = (row, form_of(row))
        return known[1]

    async def _body(self, key: Key, rows: Sequence[LayerRow]) -> Body:
        async def fetch() -> Body:
            if len(rows) == 1:
                return await self.service.tile(rows[0], *key[0])
            parts = [self._body((part,), [row]) for part, row in zip(key, rows, strict=True)]
            bodies = await asyncio.gather(*parts)
            return await asyncio.to_thread(join, bodies)

        return await self.service.tiles.fetch(key, fetch)


async def unless_gone(receive: Receive, coming: Awaitable[Body]) -> Body:
    """Return what is coming, or give it up where the client goes away before.

    Raises
    ------
    ClientGone
    """
    body = asyncio.ensure_future(coming)
    gone: asyncio.Future[None] | None = None
    try:
        # Most tiles come before it would pay to look whether the client is still there.
        await asyncio.wait((body,), timeout=SOON_S)
        if not body.done():
            gone = asyncio.ensure_future(_disconnected(receive))
            await asyncio.wait((body, gone), return_when=asyncio.FIRST_COMPLETED)
        if not body.done():
            raise ClientGone
        return body.result()
    finally:
        body.cancel()
        if gone is not None:
            gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def parse_address(path: str) -> tuple[list[str], Tile]:
    """Return the layers and the tile of an address.

    Raises
    ------
    InvalidInput
    """
    found = ADDRESS.fullmatch(path)
    if not found:
        raise InvalidInput("a tile's address is /tiles/{layer}/{z}/{x}/{y}.mvt, several layers separated by commas")
    return check_layer_ids(found[1].split(",")), parse_tile(found[2], found[3], found[4])


def _etag(tag: bytes) -> str:
    return f'"{tag.hex()}"'


def _headers(tag: bytes, access: Access) -> RawHeaders:
    return [(b"etag", _etag(tag).encode()), _CACHE_CONTROL[access.is_open], _VARY]


async def _send_body(send: Send, body: Body, headers: RawHeaders, *, gzipped: bool) -> None:
    if not body.data:
        await _answer(send, 204, headers)
        return
    data = body.data if gzipped else await asyncio.to_thread(unpacked, body.data)
    if gzipped:
        headers.append((b"content-encoding", b"gzip"))
    headers += [(b"content-type", MEDIA_TYPE), (b"content-length", b"%d" % len(data))]
    await _answer(send, 200, headers, data)


async def _answer(send: Send, status: int, headers: RawHeaders, body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
