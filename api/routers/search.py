"""Finding objects by what people call them."""

from __future__ import annotations

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.answers import json_answer
from api.dependencies import Host, Who
from api.parameters import parse_layers
from cim.bbox import parse_bbox
from layers.queries.search import search

router = APIRouter(tags=["query"])


@router.get("/search", summary="Search by address, name, code or model element")
async def find(
    request: Request,
    service: Host,
    caller: Who,
    q: str = Query(min_length=1, max_length=200, description="What to look for"),
    limit: int = Query(10, ge=1, le=100, description="The number of results at most"),
    layers: str | None = Query(None, max_length=4000, description="Layer ids, separated by commas"),
    bbox: str | None = Query(None, max_length=200, description="west,south,east,north in degrees"),
) -> Response:
    """Return the best results first."""
    chosen, box = parse_layers(layers), parse_bbox(bbox)
    return json_answer(request, await service.query(search, q, caller, limit=limit, layers=chosen, bbox=box))
