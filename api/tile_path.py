"""The way of a vector tile, in plain ASGI: address, caller, memory, else one build for all who wait for it."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from api.auth import Access
from api.caching import cache_headers, matches, takes_gzip, version_tag
from api.service import Service
from cim.access import Caller
from cim.errors import InvalidInput
from tiles.mvt import build_tile, check_layer_ids
from tiles.tile import Tile, parse_tile

ADDRESS = re.compile(r"/tiles/([^/]{1,1000})/([^/]{1,20})/([^/]{1,20})/([^/]{1,20})\.mvt")
ROUTE = "/tiles/{layers}/{z}/{x}/{y}.mvt"
MEDIA_TYPE = "application/vnd.mapbox-vector-tile"


def is_tile(scope: Scope) -> bool:
    """Tell whether a request is for a vector tile."""
    path: str = scope["path"]
    return path.startswith("/tiles/") and path.endswith(".mvt") and scope["method"] == "GET"


class TilePath:
    """ASGI application of ``/tiles/{layers}/{z}/{x}/{y}.mvt``."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200 (gzip), 204 for an empty tile, or 304; every error is raised."""
        scope["state"]["route"] = ROUTE
        access: Access = scope["state"]["access"]
        layer_ids, tile = parse_address(scope["path"])
        tag = version_tag(await self.service.versions.rows(layer_ids, access.caller), access.caller)
        asked = Headers(scope=scope)
        headers = cache_headers(tag, access)
        if matches(asked.get("if-none-match"), tag):
            self.service.metrics.bodies.labels("not_modified").inc()
            await _answer(send, 304, headers)
            return
        body = await self._body(layer_ids, tile, tag, access.caller)
        if not body:
            await _answer(send, 204, headers)
            return
        headers["Content-Type"] = MEDIA_TYPE
        if takes_gzip(asked.get("accept-encoding")):
            headers["Content-Encoding"] = "gzip"
        else:
            body = await asyncio.to_thread(gzip.decompress, body)
        await _answer(send, 200, headers | {"Content-Length": str(len(body))}, body)

    async def _body(self, layer_ids: Sequence[str], tile: Tile, tag: str, caller: Caller) -> bytes:
        async def build() -> bytes | None:
            async with self.service.tile_gate.enter():
                return await self.service.read(build_tile, layer_ids, *tile, caller)

        return await self.service.built.get(("mvt", ",".join(layer_ids), tile, tag), build)


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


async def _answer(send: Send, status: int, headers: dict[str, str], body: bytes = b"") -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
