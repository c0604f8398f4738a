"""Floods: what is under water by a level, or by rain."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.analysis import analysed
from api.answers import JSON
from api.dependencies import LARGEST_ID, Host, Who
from api.json_body import parse_json
from api.problem import answers, problems
from cim.bbox import parse_bbox
from layers.water.asked import HOURS, LEVELS_M, LIMIT, MAX_LIMIT, MM, RISES_M, FloodRequest, parse_flood
from layers.water.flood import flood

router = APIRouter(prefix="/terrain", tags=["query"], default_response_class=Response, responses=problems())


FLOOD_SCHEMA: dict[str, Any] = {
    "description": "'from' with 'level_m' or 'rise_m', or 'rain'; perhaps 'within' (GeoJSON or {'zone': id}), 'limit'",
    "type": "object",
    "example": {"from": {"point": [114.21, 22.69]}, "rise_m": 2.5},
}


@router.get("/flood", summary="What is under water by a level or by rain", responses=answers(JSON) | problems(404))
async def look(
    request: Request,
    service: Host,
    caller: Who,
    lon: Annotated[
        float | None, Query(ge=-180, le=180, allow_inf_nan=False, description="where the water comes from")
    ] = None,
    lat: Annotated[float | None, Query(ge=-90, le=90, allow_inf_nan=False)] = None,
    river: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="instead of a place: a river's id")] = None,
    level_m: Annotated[
        float | None,
        Query(ge=LEVELS_M[0], le=LEVELS_M[1], allow_inf_nan=False, description="height in the terrain's datum"),
    ] = None,
    rise_m: Annotated[
        float | None,
        Query(
            ge=RISES_M[0], le=RISES_M[1], allow_inf_nan=False, description="above the ground, or the river's surface"
        ),
    ] = None,
    rain_mm: Annotated[float | None, Query(ge=MM[0], le=MM[1], allow_inf_nan=False)] = None,
    hours: Annotated[float | None, Query(ge=HOURS[0], le=HOURS[1], allow_inf_nan=False)] = None,
    runoff: Annotated[float | None, Query(ge=0.01, le=1, allow_inf_nan=False, description="share running off")] = None,
    bbox: Annotated[
        str | None, Query(max_length=200, description="west,south,east,north: where it is looked at")
    ] = None,
    zone: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="a zone's id, instead of bbox")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Objects listed at most; totals are of all")] = LIMIT,
) -> Response:
    """Return extent by depth, volume, buildings, roads, works and places under water, and a receipt."""
    start = {"point": None if lon is None and lat is None else [lon, lat], "river": river}
    rain = {"mm": rain_mm, "hours": hours, "runoff": runoff}
    body: dict[str, Any] = {
        "from": _given(start),
        "level_m": level_m,
        "rise_m": rise_m,
        "rain": _given(rain),
        "within": _within(bbox, zone),
        "limit": limit,
    }
    return await _answer(request, parse_flood(body), service, caller)


@router.post(
    "/flood",
    summary="What is under water by a level or by rain",
    responses=answers(JSON) | problems(404, 413),
    openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": FLOOD_SCHEMA}}}},
)
async def ask(request: Request, service: Host, caller: Who) -> Response:
    """Return extent by depth, volume, buildings, roads, works and places under water, and a receipt."""
    wanted = parse_flood(parse_json(await request.body(), "an object with 'from' or 'rain'"))
    return await _answer(request, wanted, service, caller)


async def _answer(request: Request, wanted: FloodRequest, service: Host, caller: Who) -> Response:
    settings = service.settings
    answer = await service.compute(flood, settings.files, settings.metric_crs, wanted, caller)
    return await analysed(request, answer)


def _given(values: dict[str, Any]) -> dict[str, Any] | None:
    """Return what was said, None where nothing was."""
    return {name: value for name, value in values.items() if value is not None} or None


def _within(bbox: str | None, zone: int | None) -> dict[str, Any] | None:
    if zone is not None:
        return {"zone": zone}
    bounds = parse_bbox(bbox)
    if bounds is None:
        return None
    west, south, east, north = bounds
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}
