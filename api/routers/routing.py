"""Getting there: the nearest, routes, and what is reached in a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request
from shapely import Geometry
from sqlalchemy import Connection
from starlette.responses import Response

from api.analysis import analysed
from api.answers import GEOJSON, JSON
from api.dependencies import Host, Who
from api.json_body import parse_json
from api.problem import answers, problems
from api.service import Service
from cim.access import Caller
from layers.routing.asked import parse_isochrone, parse_nearest, parse_route
from layers.routing.isochrone import find_isochrone
from layers.routing.nearest import find_nearest
from layers.routing.route import find_route
from layers.water.flood import flooded_area

router = APIRouter(prefix="/query", tags=["query"], default_response_class=Response, responses=problems())

T = TypeVar("T")
PLACE = "longitude,latitude in degrees"
Place = Annotated[str, Query(alias="from", max_length=100, description=PLACE)]
Profile = Annotated[str | None, Query(max_length=20, description="car (default) | foot")]
Direction = Annotated[str | None, Query(max_length=20, description="to | from the place")]
Shut = Annotated[str | None, Query(max_length=1000, description="Ids of zones, by commas, that are closed")]
CLOSED = "'closed': {'zones': [ids], 'geometry': a GeoJSON line or area, 'flood': a body of POST /terrain/flood}"
FOUND = answers(JSON) | problems(404, 422)
POSTED = FOUND | problems(413)


def described(says: str, example: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a body for the page of addresses."""
    schema = {"description": f"{says}; {CLOSED}", "type": "object", "required": ["from"], "example": example}
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


@router.get("/nearest", summary="The nearest objects of a layer, by road or straight", responses=FOUND)
async def nearest(
    request: Request,
    service: Host,
    caller: Who,
    place: Place,
    layer: Annotated[str | None, Query(max_length=100, description="A layer's id; by default resources")] = None,
    kind: Annotated[str | None, Query(max_length=1500, description="消防站, 医院 ...; several by commas")] = None,
    n: Annotated[str | None, Query(max_length=10, description="So many; by default 5")] = None,
    by: Annotated[str | None, Query(max_length=20, description="road (default) | straight")] = None,
    profile: Profile = None,
    direction: Direction = None,
    within_m: Annotated[str | None, Query(max_length=20, description="Straight; by default 20,000")] = None,
    closed: Shut = None,
) -> Response:
    """Return objects with distances, and with seconds to the place (or from it), and a receipt."""
    body = {"from": place, "layer": layer, "kind": kind, "n": n, "by": by, "profile": profile, "direction": direction,
            "within_m": within_m, "closed": closed}  # fmt: skip
    answer = await service.query(find_nearest, parse_nearest(body), caller)
    return await analysed(request, answer)


@router.post(
    "/nearest",
    summary="The nearest objects of a layer, round what is closed",
    responses=POSTED,
    openapi_extra=described("'from', 'layer', 'kind', 'n', 'by', 'profile', 'direction', 'within_m'",
                            {"from": [114.22, 22.7], "kind": ["消防站"], "n": 3, "closed": {"zones": [17]}}),
)  # fmt: skip
async def nearest_round(request: Request, service: Host, caller: Who) -> Response:
    """Return what GET returns."""
    answer = await _round(service, find_nearest, await _read(request, parse_nearest), caller)
    return await analysed(request, answer)


@router.get("/route", summary="The quickest way by road", responses=FOUND)
async def route(
    request: Request,
    service: Host,
    caller: Who,
    start: Place,
    end: Annotated[str, Query(alias="to", max_length=100, description=PLACE)],
    via: Annotated[str | None, Query(max_length=1000, description="Places between, by semicolons")] = None,
    profile: Profile = None,
    closed: Shut = None,
) -> Response:
    """Return the line, metres, seconds and steps, and a receipt; where there is no way, because of what."""
    body = {"from": start, "to": end, "via": via, "profile": profile, "closed": closed}
    answer = await service.query(find_route, parse_route(body), caller)
    return await analysed(request, answer)


@router.post(
    "/route",
    summary="The quickest way by road, round what is closed",
    responses=POSTED,
    openapi_extra=described("'from', 'to', 'via' (places), 'profile'",
                            {"from": [114.22, 22.7], "to": [114.25, 22.72], "closed": {"zones": [17]}}),
)  # fmt: skip
async def route_round(request: Request, service: Host, caller: Who) -> Response:
    """Return what GET returns."""
    answer = await _round(service, find_route, await _read(request, parse_route), caller)
    return await analysed(request, answer)


@router.get("/isochrone", summary="What is reached in some minutes", responses=answers(GEOJSON) | problems(404, 422))
async def isochrone(
    request: Request,
    service: Host,
    caller: Who,
    place: Place,
    minutes: Annotated[str | None, Query(max_length=100, description="By commas; by default 5,10,15")] = None,
    profile: Profile = None,
    direction: Direction = None,
    closed: Shut = None,
) -> Response:
    """Return areas as GeoJSON, the largest first, and a receipt."""
    body = {"from": place, "minutes": minutes, "profile": profile, "direction": direction, "closed": closed}
    answer = await service.query(find_isochrone, parse_isochrone(body), caller)
    return await analysed(request, answer, media_type=GEOJSON)


@router.post(
    "/isochrone",
    summary="What is reached in some minutes, round what is closed",
    responses=answers(GEOJSON) | problems(404, 413, 422),
    openapi_extra=described("'from', 'minutes' (a number or a list), 'profile', 'direction'",
                            {"from": [114.22, 22.7], "minutes": [5, 10], "closed": {"zones": [17]}}),
)  # fmt: skip
async def isochrone_round(request: Request, service: Host, caller: Who) -> Response:
    """Return what GET returns."""
    answer = await _round(service, find_isochrone, await _read(request, parse_isochrone), caller)
    return await analysed(request, answer, media_type=GEOJSON)


async def _round(service: Service, find: Callable[..., dict[str, Any]], asked: Any, caller: Caller) -> dict[str, Any]:
    """Ask with what is closed; a flood is computed first, which takes its time."""
    settings = service.settings

    def floods(connection: Connection, body: Any, caller: Caller) -> Geometry:
        return flooded_area(connection, settings.files, settings.metric_crs, body, caller)

    run = service.query if asked.closed.flood is None else service.compute
    return await run(find, asked, caller, floods)


async def _read(request: Request, parse: Callable[[Any], T]) -> T:
    """Read a body, which may have megabytes of coordinates: not on the loop that serves everyone else."""
    body = await request.body()
    return await asyncio.to_thread(lambda: parse(parse_json(body, '{"from": [longitude, latitude], ...}')))
