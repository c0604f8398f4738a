"""What cameras see, which cameras see a place, and where one more would help."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.analysis import analysed
from api.answers import GEOJSON, JSON
from api.dependencies import Host, ObjectId, Who
from api.json_body import parse_json
from api.problem import answers, problems
from api.service import Service
from cim.access import Caller
from layers.live.cameras.asked import Asked, Placing, parse_asked, parse_placing
from layers.live.cameras.coverage import find_blind_spots, find_seeing_along
from layers.live.cameras.kept import Ground
from layers.live.cameras.near import announce_near, refresh_near
from layers.live.cameras.one import announce_one, get_viewshed
from layers.live.cameras.placing import suggest_places
from layers.live.cameras.seeing import DEFAULT_LIMIT, MAX_LIMIT, find_seeing

router = APIRouter(prefix="/cameras", tags=["cameras"], default_response_class=Response, responses=problems())

Height = Annotated[float | None, Query(description="Of the target, metres above ground; 1.5 without")]
_ZONE = {
    "type": "Polygon",
    "coordinates": [[[114.21, 22.69], [114.22, 22.69], [114.22, 22.7], [114.21, 22.7], [114.21, 22.69]]],
}
ASKED_SCHEMA: dict[str, Any] = {
    "description": "GeoJSON (a polygon; for /cameras/seeing a LineString too), or an object with 'geometry', "
    "'height_m' (of targets above ground, 1.5) and 'offline' (whether cameras that are offline count, false)",
    "type": "object",
    "example": {"geometry": _ZONE, "height_m": 1.5, "offline": False},
}
PLACING_SCHEMA: dict[str, Any] = {
    "description": "As for /cameras/blind-spots, and what the camera would be: 'mount_height_m' (6), 'range_m' (100), "
    "'hfov_deg' (360); 'along' (roads or ground), 'candidates' (100, at most 400), 'places' (3)",
    "type": "object",
    "example": {"geometry": _ZONE, "range_m": 120, "hfov_deg": 90, "along": "roads"},
}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


@router.get("/seeing", summary="Which cameras see a place", responses=answers(JSON))
async def seeing(
    request: Request,
    service: Host,
    caller: Who,
    lon: Annotated[float, Query(description="longitude, degrees")],
    lat: Annotated[float, Query(description="latitude, degrees")],
    height_m: Height = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    offline: Annotated[bool, Query(description="Whether cameras that are offline count")] = True,
) -> Response:
    """Return the cameras with distance and bearing, the nearest first; each line of sight is checked."""
    answer = await service.query(find_seeing, _ground(service), lon, lat, height_m, limit, caller, with_offline=offline)
    return await analysed(request, answer)


@router.post(
    "/seeing",
    summary="Which cameras see how much of a line or zone",
    openapi_extra=_body(ASKED_SCHEMA),
    responses=answers(JSON) | problems(413, 422),
)
async def seeing_along(request: Request, service: Host, caller: Who) -> Response:
    """Return the cameras, those first that see most, and how much all of them see together."""
    asked = await asyncio.to_thread(_read_along, await request.body())
    await _bring_up_to_date(service, asked, caller)
    answer = await service.query(find_seeing_along, _ground(service), asked, caller)
    return await analysed(request, answer)


@router.post(
    "/blind-spots",
    summary="What of a zone no camera sees",
    openapi_extra=_body(ASKED_SCHEMA),
    responses=answers(GEOJSON) | problems(413, 422),
)
async def blind_spots(request: Request, service: Host, caller: Who) -> Response:
    """Return the blind part of the open ground as a GeoJSON Feature, and the cameras that were left out."""
    asked = await asyncio.to_thread(_read_zone, await request.body())
    await _bring_up_to_date(service, asked, caller)
    answer = await service.query(find_blind_spots, _ground(service), asked, caller)
    return await analysed(request, answer, media_type=GEOJSON)


@router.post(
    "/suggest",
    summary="Where one more camera helps most",
    openapi_extra=_body(PLACING_SCHEMA),
    responses=answers(GEOJSON) | problems(413, 422),
)
async def suggest(request: Request, service: Host, caller: Who) -> Response:
    """Return places with what a camera there sees of the blind area, the best first."""
    placing = await asyncio.to_thread(_read_placing, await request.body())
    await _bring_up_to_date(service, placing.asked, caller)
    answer = await service.query(suggest_places, _ground(service), placing, caller)
    return await analysed(request, answer, media_type=GEOJSON)


@router.get("/{id}/viewshed", summary="What a camera sees of the ground", responses=answers(GEOJSON) | problems(404))
async def viewshed(request: Request, id: ObjectId, service: Host, caller: Who, height_m: Height = None) -> Response:
    """Return a GeoJSON Feature with areas, shares by distance and what it was computed from."""
    await service.write(announce_one, _ground(service), id, caller)
    answer = await service.write(get_viewshed, _ground(service), id, height_m, caller)
    return await analysed(request, answer, media_type=GEOJSON)


async def _bring_up_to_date(service: Service, asked: Asked, caller: Caller) -> None:
    """Make the viewsheds that reach into a zone and are missing or marked; a note of them is committed before."""
    if await service.write(announce_near, _ground(service), asked.geometry, caller):
        await service.write(refresh_near, _ground(service), asked.geometry, caller)


def _ground(service: Service) -> Ground:
    return Ground(service.settings.files, service.settings.metric_crs)


def _read_along(body: bytes) -> Asked:
    return parse_asked(parse_json(body, "a GeoJSON LineString or Polygon"), is_line_right=True)


def _read_zone(body: bytes) -> Asked:
    return parse_asked(parse_json(body, "a GeoJSON Polygon"))


def _read_placing(body: bytes) -> Placing:
    return parse_placing(parse_json(body, "a GeoJSON Polygon"))
