"""Car parks: live counts, and the nearest with free places."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.answers import JSON, encode
from api.caching import NO_STORE
from api.dependencies import Host, Who
from api.json_body import parse_json
from api.problem import answers, problems
from layers.live.events.incoming import read_time_asked
from layers.live.sensors.parking import nearest_free, take_counts

router = APIRouter(prefix="/parking", tags=["parking"], default_response_class=Response, responses=problems())

EXAMPLE = [{"code": "440307TC00001", "free": 12, "time": "2026-03-01T08:00:00+08:00"}]
BODY = {"requestBody": {"required": True, "content": {JSON: {"schema": {"type": "array", "example": EXAMPLE}}}}}


@router.get("/nearest", summary="The nearest car parks with free places", responses=answers(JSON))
async def nearest(
    service: Host,
    caller: Who,
    lon: Annotated[float, Query(ge=-180, le=180)],
    lat: Annotated[float, Query(ge=-90, le=90)],
    places: Annotated[int, Query(ge=1, le=100_000, description="So many must be free")] = 1,
    count: Annotated[int, Query(ge=1, le=100)] = 5,
    since: Annotated[str | None, Query(max_length=200, description="Counts must be this new")] = None,
) -> Response:
    """Return car parks by distance in metres (along a straight line), with what is free and since when."""
    fresh = read_time_asked("since", since)
    found = await service.read(nearest_free, caller, lon, lat, places=places, most=count, fresh=fresh)
    return Response(encode({"parking": found}), headers=NO_STORE, media_type=JSON)


@router.post("/counts", summary="Counts of free places", openapi_extra=BODY, responses=answers(JSON) | problems(413))
async def counts(request: Request, service: Host, caller: Who) -> Response:
    """Return which car parks have changed; an older count than is known changes nothing."""
    caller.require("push_events")
    said = parse_json(await request.body(), f"a list like {EXAMPLE}")
    return Response(encode(await service.write(take_counts, caller, said)), headers=NO_STORE, media_type=JSON)
