"""What a viewer needs to begin."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.answers import json_answer
from api.dependencies import Host, Who
from layers.catalogue import district_extent
from tiles.terrain import terrain_json

router = APIRouter(prefix="/api", tags=["catalogue"])

TITLE = {"zh": "城市信息模型", "en": "City information model"}
#: Longgang, the reference district, as long as the city is empty.
FIRST_VIEW = (114.19, 22.67, 114.25, 22.73)


@router.get("/config", summary="Title, extent and what is there")
async def config(request: Request, service: Host, caller: Who) -> Response:
    """Return where to look first and what can be shown."""
    extent = await service.read(district_extent)
    west, south, east, north = extent or FIRST_VIEW
    body = {
        "title": TITLE,
        "bounds": [west, south, east, north],
        "center": [(west + east) / 2, (south + north) / 2],
        "zoom": 14,
        "metric_crs": service.settings.metric_crs,
        "languages": ["zh", "en"],
        "terrain": await service.read(_has_terrain),
        "role": caller.role,
    }
    return json_answer(request, body)


def _has_terrain(connection: Connection) -> bool:
    document: dict[str, Any] = terrain_json(connection, "")
    return "bounds" in document
