"""Management grids: the cell of a place at any time, and the lineage of a cell."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime
from starlette.responses import Response

from api.answers import json_answer
from api.dependencies import Host, Who
from layers.grids.cells import cell_at, visible_grids
from layers.grids.lineage import trace_for

router = APIRouter(prefix="/grids", tags=["grids"])


@router.get("", summary="The names of the management grids")
async def list_grids(request: Request, service: Host, caller: Who) -> Response:
    """Return the names, those of ended grids too."""
    return json_answer(request, {"grids": await service.read(visible_grids, caller)})


@router.get("/{grid}/cell", summary="The cell in which a place lies, now or at a past time")
async def cell(
    request: Request,
    service: Host,
    caller: Who,
    grid: str,
    lon: Annotated[float, Query(description="longitude, degrees")],
    lat: Annotated[float, Query(description="latitude, degrees")],
    at: Annotated[AwareDatetime | None, Query(description="RFC 3339 with offset; now without")] = None,
) -> Response:
    """Return the cell, or null where the grid had none there."""
    when: datetime | None = at
    return json_answer(request, await service.read(cell_at, grid, lon, lat, when, caller))


@router.get("/{grid}/cells/{code}/lineage", summary="From which cells a cell came and into which it went")
async def lineage(request: Request, service: Host, caller: Who, grid: str, code: str) -> Response:
    """Return both directions with the shares of area."""
    return json_answer(request, await service.read(trace_for, grid, code, caller))
