"""Pipes as networks: what is up- and downstream."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from api.answers import JSON, encode
from api.dependencies import Host, Who
from layers.networks.findings import find_findings, summarise
from layers.networks.trace import DIRECTIONS, LIMIT, MAX_LIMIT, TraceRequest, trace

router = APIRouter(prefix="/networks", tags=["networks"])

Name = Annotated[str, Path(max_length=60, description="water, sewer, drainage, gas, power, heat ...")]


@router.get("/{name}/trace", summary="What lies up- or downstream of a node, or is connected with it")
async def follow(
    name: Name,
    service: Host,
    caller: Who,
    origin: str = Query(alias="from", max_length=200, description="A node's id or key, or longitude,latitude"),
    direction: str = Query("down", max_length=40, description=" | ".join(DIRECTIONS)),
    limit: int = Query(LIMIT, ge=1, le=MAX_LIMIT, description="Objects listed at most; totals are of all"),
    geometry: bool = Query(False, description="Whether the listed pipes come with their geometry"),
) -> Response:
    """Return pipes, nodes, closed valves that stopped it, ends, buildings that are served, and a receipt."""
    request = TraceRequest(name, origin, direction, limit, geometry)
    answer = await service.query(trace, request, caller)
    return Response(encode(answer), headers={"Cache-Control": "no-store"}, media_type=JSON)


@router.get("/{name}/findings", summary="What is wrong or doubtful in a network")
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
    return Response(encode(answer), headers={"Cache-Control": "no-store"}, media_type=JSON)
