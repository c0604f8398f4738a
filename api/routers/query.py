"""Spatial queries."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.analysis import analysed
from api.answers import JSON
from api.dependencies import AsOf, Host, Who
from api.json_body import parse_json
from api.ogc_parameters import parse_asof
from cim.errors import InvalidInput
from layers.grids.aggregate import AggregateRequest, aggregate, parse_request
from layers.queries.inventory import take_inventory
from layers.queries.zone import parse_zone

router = APIRouter(prefix="/query", tags=["query"])

ZONE_SCHEMA = {
    "description": "A GeoJSON Polygon, MultiPolygon or Feature; or an object with 'geometry', 'layers', 'list_limit'",
    "type": "object",
    "example": {
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[114.21, 22.69], [114.22, 22.69], [114.22, 22.7], [114.21, 22.7], [114.21, 22.69]]],
        },
        "layers": ["buildings", "cameras"],
        "list_limit": 20,
    },
}


@router.post(
    "/inventory",
    summary="All that is inside of a zone, by theme",
    openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": ZONE_SCHEMA}}}},
)
async def inventory(request: Request, service: Host, caller: Who, asof: AsOf = None) -> Response:
    """Return counts, sums, groups and previews of every layer, with a receipt; nothing is capped but the previews."""
    # Up to 8 MB of coordinates: not on the loop that serves everyone else.
    zone = await asyncio.to_thread(_read_zone, await request.body())
    answer = await service.query(take_inventory, zone, caller, parse_asof(asof))
    return await analysed(request, answer)


AGGREGATE_SCHEMA = {
    "description": "'layer', 'grid' (h3 or beidou), 'level'; optional: 'sum' (a numeric field), 'geometry' (a zone)",
    "type": "object",
    "required": ["layer", "grid", "level"],
    "example": {"layer": "buildings", "grid": "beidou", "level": 4, "sum": "area_m2"},
}


@router.post(
    "/aggregate",
    summary="Counts and sums of a layer by the cells of an analysis grid",
    openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": AGGREGATE_SCHEMA}}}},
)
async def aggregate_by_cell(request: Request, service: Host, caller: Who) -> Response:
    """Return the cells that hold objects as GeoJSON, with a receipt."""
    asked = await asyncio.to_thread(_read_aggregate, await request.body())
    answer = await service.query(aggregate, asked, caller)
    return await analysed(request, answer)


def _read_zone(body: bytes) -> Any:
    return parse_zone(parse_json(body, "a GeoJSON polygon"))


def _read_aggregate(body: bytes) -> AggregateRequest:
    document = parse_json(body, "a GeoJSON polygon")
    if not isinstance(document, dict):
        raise InvalidInput(
            "the body is not an object with 'layer', 'grid' and 'level'",
            "not_an_object", wanted='{"layer": ..., "grid": ..., "level": ...}',
        )  # fmt: skip
    zone = parse_zone({"geometry": document["geometry"]}).geometry if document.get("geometry") is not None else None
    return parse_request(document, zone)
