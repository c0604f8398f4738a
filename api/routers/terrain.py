"""The ground as terrain-RGB tiles."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import json_answer, tagged_answer
from api.dependencies import BaseUrl, Host
from tiles.terrain import render_tile, terrain_json
from tiles.tile import parse_tile

router = APIRouter(tags=["tiles"])


@router.get("/terrain.json", summary="TileJSON of the terrain (Mapbox encoding)")
async def describe(request: Request, service: Host, base_url: BaseUrl) -> Response:
    """Return address, zooms and bounds."""
    return json_answer(request, await service.read(terrain_json, base_url))


@router.get("/terrain/{z}/{x}/{y}.png", summary="A terrain-RGB tile", responses={204: {"description": "No terrain"}})
async def tile(request: Request, z: str, x: str, y: str, service: Host) -> Response:
    """Return heights as colours: -10000 + (R * 65536 + G * 256 + B) * 0.1 metres."""
    address = parse_tile(z, x, y)
    image = await service.compute(render_tile, service.settings.files, *address)
    return tagged_answer(request, image, "image/png") if image else Response(status_code=204)
