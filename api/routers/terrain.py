"""The ground: terrain-RGB tiles, contour lines, heights, profiles."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.analysis import analysed
from api.answers import JSON, json_answer, tagged_answer
from api.dependencies import BaseUrl, Host, Who
from api.json_body import parse_json
from layers.terrain.profile import height_at, parse_line, take_profile
from tiles.contours import contour_tile, contours_json
from tiles.terrain import render_tile, terrain_json
from tiles.tile import parse_tile

router = APIRouter(tags=["tiles"])

MVT = "application/vnd.mapbox-vector-tile"


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


@router.get("/terrain/contours.json", summary="TileJSON of the contour lines")
async def describe_contours(request: Request, service: Host, base_url: BaseUrl) -> Response:
    """Return address, zooms and bounds."""
    return json_answer(request, await service.read(contours_json, base_url))


@router.get(
    "/terrain/contours/{z}/{x}/{y}.mvt",
    summary="A vector tile of contour lines: 'height_m', 'is_index' for every fifth",
    responses={204: {"description": "No line"}},
)
async def contours(request: Request, z: str, x: str, y: str, service: Host) -> Response:
    """Return the layer 'contours': a line each 50 m up to zoom 11, 20 m up to 13, 10 m at 14, 5 m from 15 on."""
    address = parse_tile(z, x, y)
    lines = await service.compute(contour_tile, service.settings.files, *address)
    return tagged_answer(request, lines, MVT) if lines else Response(status_code=204)


@router.get("/terrain/height", tags=["query"], summary="The height of the ground at a place")
async def height(
    request: Request,
    service: Host,
    caller: Who,
    lon: Annotated[float, Query(description="longitude, degrees")],
    lat: Annotated[float, Query(description="latitude, degrees")],
) -> Response:
    """Return metres in the raster's vertical datum, whether a void was filled, and the receipt."""
    answer = await service.compute(height_at, service.settings.files, lon, lat, caller)
    return await analysed(request, answer)


LINE_SCHEMA: dict[str, Any] = {
    "description": "A GeoJSON LineString; or an object with 'geometry' and 'samples'",
    "type": "object",
    "example": {"geometry": {"type": "LineString", "coordinates": [[114.21, 22.69], [114.22, 22.7]]}, "samples": 100},
}


@router.post(
    "/terrain/profile",
    tags=["query"],
    summary="Heights of the ground along a line",
    openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": LINE_SCHEMA}}}},
)
async def profile(request: Request, service: Host, caller: Who) -> Response:
    """Return distances, places and heights at the line's vertices and at equal distances between its ends."""
    line, samples = parse_line(parse_json(await request.body(), "a GeoJSON LineString"))
    answer = await service.query(take_profile, service.settings.files, line, samples, caller)
    return await analysed(request, answer)
