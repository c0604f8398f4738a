"""The way of a vector tile, in plain ASGI: address, caller, memory, else one build for all who wait for it."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
from collections.abc import Hashable, Sequence
from functools import partial

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from api.auth import Access
from api.service import Service
from cim.access import Caller
from cim.errors import InvalidInput
from layers.catalogue import LayerRow
from tiles.mvt import build_tile, check_layer_ids
from tiles.tile import Tile, parse_tile

ADDRESS = re.compile(r"/tiles/([^/]{1,1000})/([^/]{1,20})/([^/]{1,20})/([^/]{1,20})\.mvt")
ROUTE = "/tiles/{layers}/{z}/{x}/{y}.mvt"
VARY = b"Authorization, Cookie, Accept-Encoding"
MEDIA_TYPE = b"application/vnd.mapbox-vector-tile"
#: Of the encoding of tiles; raise it when they change in form while the data does not.
ENCODING_VERSION = 1
GZIP_LEVEL = 1
_REFUSES_GZIP = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*(,|$)")


def is_tile(scope: Scope) -> bool:
    """Tell whether a request is for a vector tile."""
    path: str = scope["path"]
    return path.startswith("/tiles/") and path.endswith(".mvt") and scope["method"] == "GET"


class TilePath:
    """ASGI application of ``/tiles/{layers}/{z}/{x}/{y}.mvt``."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._building: dict[Hashable, asyncio.Task[bytes]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200 (gzip), 204 for an empty tile, or 304; every error is raised."""
        scope["state"]["route"] = ROUTE
        access: Access = scope["state"]["access"]
        layer_ids, tile = parse_address(scope["path"])
        rows = await self.service.versions.rows(layer_ids, access.caller)
        tag = etag(rows, access.caller)
        headers = Headers(scope=scope)
        shared = [(b"etag", tag), (b"cache-control", cache_control(access)), (b"vary", VARY)]
        if matches(headers.get("if-none-match"), tag):
            self.service.metrics.tile_hits.labels("not_modified").inc()
            await _answer(send, 304, shared, b"")
            return
        body = await self._body(layer_ids, tile, tag, access.caller)
        if not body:
            await _answer(send, 204, shared, b"")
            return
        shared.append((b"content-type", MEDIA_TYPE))
        if takes_gzip(headers.get("accept-encoding")):
            shared.append((b"content-encoding", b"gzip"))
        else:
            body = await asyncio.to_thread(gzip.decompress, body)
        await _answer(send, 200, shared, body)

    async def _body(self, layer_ids: Sequence[str], tile: Tile, tag: bytes, caller: Caller) -> bytes:
        """Return the gzip body, empty for an empty tile."""
        key = (",".join(layer_ids), tile, tag)
        kept = self.service.tiles.get(key)
        if kept is not None:
            self.service.metrics.tile_hits.labels("memory").inc()
            return kept
        task = self._building.get(key)
        if task is None:
            task = asyncio.create_task(self._build(key, layer_ids, tile, caller))
            self._building[key] = task
            task.add_done_callback(partial(self._finish, key))
        # One who goes away must not take the tile from the others who wait for it.
        return await asyncio.shield(task)

    async def _build(self, key: Hashable, layer_ids: Sequence[str], tile: Tile, caller: Caller) -> bytes:
        async with self.service.tile_gate.enter():
            raw = await self.service.read(build_tile, layer_ids, *tile, caller)
        body = await asyncio.to_thread(gzip.compress, raw, GZIP_LEVEL, mtime=0) if raw else b""
        self.service.tiles.put(key, body)
        self.service.metrics.tile_hits.labels("built").inc()
        return body

    def _finish(self, key: Hashable, task: asyncio.Task[bytes]) -> None:
        self._building.pop(key, None)
        if not task.cancelled():
            # Retrieved here, so that an error nobody waits for any more makes no noise.
            task.exception()


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


def etag(rows: Sequence[LayerRow], caller: Caller) -> bytes:
    """Return the tag of tiles of these layers for what this caller may see; weak, as rows have no order in a tile."""
    versions = [(row.id, row.version, row.updated_at.isoformat() if row.updated_at else "") for row in rows]
    text = repr((ENCODING_VERSION, versions, caller.visible_levels(), caller.area_code))
    return b'W/"' + hashlib.blake2s(text.encode(), digest_size=12).hexdigest().encode() + b'"'


def cache_control(access: Access) -> bytes:
    """Return how long an answer may be kept: for ever, as long as it is asked each time whether it still holds."""
    return b"public, no-cache" if access.is_open else b"private, no-cache"


def matches(if_none_match: str | None, tag: bytes) -> bool:
    """Tell whether a client already has this version (weak comparison, RFC 9110, 13.1.2)."""
    if not if_none_match:
        return False
    plain = tag.decode().removeprefix("W/")
    return any(one.strip().removeprefix("W/") in (plain, "*") for one in if_none_match.split(","))


def takes_gzip(accept_encoding: str | None) -> bool:
    """Tell whether a gzip body may be sent: yes, unless the client lists other encodings only (RFC 9110, 12.5.3)."""
    if accept_encoding is None:
        return True
    asked = accept_encoding.lower()
    return ("gzip" in asked or "*" in asked) and not _REFUSES_GZIP.search(asked)


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    if status == 200:
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
