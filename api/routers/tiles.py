"""TileJSON; the tiles themselves go the short way of ``api.tile_path``."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import json_answer
from api.dependencies import BaseUrl, Host, Who
from tiles.tilejson import tilejson

router = APIRouter(tags=["tiles"])


@router.get("/tiles/{layers}.json", summary="TileJSON 3.0 of one layer or of several, separated by commas")
async def describe(request: Request, layers: str, service: Host, caller: Who, base_url: BaseUrl) -> Response:
    """Return address, zooms, bounds and fields of the layers' vector tiles."""
    return json_answer(request, await service.read(tilejson, layers.split(","), base_url, caller))


@router.get("/tiles/{layers}/{z}/{x}/{y}.mvt", summary="A vector tile", responses={204: {"description": "Empty"}})
async def tile(layers: str, z: int, x: int, y: int) -> Response:
    """Stand for the tile path in the API's description; requests do not come here."""
    raise NotImplementedError
