"""Pipes as networks: what is up- and downstream, what to shut in an emergency, and what stops next."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api.analysis import analysed
from api.answers import JSON, encode
from api.caching import NO_STORE
from api.dependencies import Host, Who
from api.json_body import parse_json
from api.problem import answers, problems
from cim.errors import InvalidInput
from layers.networks.cascade import CascadeRequest, cascade
from layers.networks.conflicts import conflicts, parse_starts
from layers.networks.consequences import THRESHOLD_M, Hydraulics
from layers.networks.findings import find_findings, summarise
from layers.networks.isolate import IsolateRequest, isolate
from layers.networks.trace import DIRECTIONS, LIMIT, MAX_LIMIT, TraceRequest, trace

router = APIRouter(prefix="/networks", tags=["networks"], default_response_class=Response, responses=problems())

Name = Annotated[str, Path(max_length=60, description="water, sewer, drainage, gas, power, heat ...")]
Names = Annotated[str | None, Query(max_length=8000, description="Ids or keys of valves that cannot be worked")]
Sources = Annotated[str | None, Query(max_length=8000, description="Ids or keys of sources that are out of service")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Objects listed at most; totals are of all")]


@router.get(
    "/{name}/trace",
    summary="What lies up- or downstream of a node, or is connected with it",
    responses=answers(JSON) | problems(404),
)
async def follow(
    request: Request,
    name: Name,
    service: Host,
    caller: Who,
    origin: str = Query(alias="from", max_length=200, description="A node's id or key, or longitude,latitude"),
    direction: str = Query("down", max_length=40, description=" | ".join(DIRECTIONS)),
    limit: Limit = LIMIT,
    geometry: bool = Query(False, description="Whether the listed pipes come with their geometry"),
) -> Response:
    """Return pipes, nodes, closed valves that stopped it, ends, buildings that are served, and a receipt."""
    asked = TraceRequest(name, origin, direction, limit, geometry)
    answer = await service.query(trace, asked, caller)
    return await analysed(request, answer)


@router.get(
    "/{name}/isolate",
    summary="Which valves to close for a burst, and who is cut off",
    responses=answers(JSON) | problems(404),
)
async def shut_off(
    request: Request,
    name: Name,
    service: Host,
    caller: Who,
    origin: str = Query(
        alias="from", max_length=200, description="A node or pipe, by id or key, or longitude,latitude"
    ),
    unusable: Names = None,
    without: Sources = None,
    limit: Limit = LIMIT,
    geometry: bool = Query(False, description="Whether the listed pipes come with their geometry"),
    hydraulics: bool = Query(False, description="Whether pressures before and after are computed"),
    threshold_m: float = Query(
        THRESHOLD_M, ge=0, le=200, allow_inf_nan=False, description="Nodes that fall below this pressure are told"
    ),
) -> Response:
    """Return valves, those that failed, what is isolated and in its shadow, who is cut off, and a receipt."""
    wanted = Hydraulics(threshold_m) if hydraulics else None
    asked = IsolateRequest(name, origin, _split(unusable), _split(without), limit, geometry, wanted)
    run = service.compute if hydraulics else service.query
    answer = await run(isolate, asked, caller)
    return await analysed(request, answer)


@router.get(
    "/{name}/cascade",
    summary="What stops next, across networks, when something breaks",
    responses=answers(JSON) | problems(404),
)
async def follow_outage(
    request: Request,
    name: Name,
    service: Host,
    caller: Who,
    origin: str | None = Query(None, alias="from", max_length=200, description="Where it breaks, as of isolate"),
    valves: str | None = Query(None, max_length=8000, description="Instead of it: valves or switches that are shut"),
    unusable: Names = None,
    without: Sources = None,
    limit: Limit = LIMIT,
) -> Response:
    """Return steps in their order, each with its reason and the layers that it rests on, and a receipt."""
    asked = CascadeRequest(name, origin, _split(valves), _split(unusable), _split(without), limit)
    answer = await service.compute(cascade, asked, caller)
    return await analysed(request, answer)


STARTS_SCHEMA = {
    "description": "'starts': 2 to 10 objects with 'from', and perhaps lists 'unusable' and 'without'; perhaps 'limit'",
    "type": "object",
    "required": ["starts"],
    "example": {"starts": [{"from": "114.2,22.7"}, {"from": "key:GSX0000026", "unusable": ["GSD0000401"]}]},
}


@router.post(
    "/{name}/isolations",
    summary="Several isolations at one time: what only all together cut off, and valves that conflict",
    responses=answers(JSON) | problems(404, 413),
    openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": STARTS_SCHEMA}}}},
)
async def shut_off_together(name: Name, request: Request, service: Host, caller: Who) -> Response:
    """Return each isolation in short, what loses its source under all of them alone, valves, and a receipt."""
    starts = parse_starts(name, parse_json(await request.body(), "an object with 'starts'"))
    answer = await service.compute(conflicts, starts, caller)
    return await analysed(request, answer)


@router.get("/{name}/findings", summary="What is wrong or doubtful in a network", responses=answers(JSON))
async def findings(
    name: Name,
    service: Host,
    caller: Who,
    kind: str | None = Query(None, max_length=40, description="Only findings of this kind"),
    limit: int = Query(LIMIT, ge=1, le=MAX_LIMIT, description="Findings listed at most; the summary counts all"),
) -> Response:
    """Return the number of findings of each kind, and the findings."""
    answer = {
        "summary": await service.read(summarise, caller, name),
        "findings": await service.read(find_findings, caller, name, kind, limit),
    }
    return Response(encode(answer), headers=NO_STORE, media_type=JSON)


def _split(text: str | None) -> tuple[str, ...]:
    """Return the names of a list separated by commas."""
    if text is None or not text.strip():
        return ()
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise InvalidInput(
            f"'{text[:80]}' has an empty name; ids or keys separated by commas are right", "empty_name", given=text[:80]
        )
    return names
