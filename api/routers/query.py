"""Spatial queries."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import JSON, encode
from api.dependencies import Host, Who
from cim.errors import InvalidInput
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
async def inventory(request: Request, service: Host, caller: Who) -> Response:
    """Return counts, sums, groups and previews of every layer, with a receipt; nothing is capped but the previews."""
    # Up to 8 MB of coordinates: not on the loop that serves everyone else.
    zone = await asyncio.to_thread(_read_zone, await request.body())
    answer = await service.query(take_inventory, zone, caller)
    return Response(encode(answer), headers={"Cache-Control": "no-store"}, media_type=JSON)


def _read_zone(body: bytes) -> Any:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"the body is not JSON ({error}); send a GeoJSON polygon") from None
    return parse_zone(document)
