"""MapLibre styles: one of everything, one a layer."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import json_answer
from api.dependencies import BaseUrl, Host, Who
from tiles.styles import style

router = APIRouter(tags=["tiles"])


@router.get("/styles/{name}.json", summary="A MapLibre style: 'base', 'dark', or the id of a layer")
async def show(request: Request, name: str, service: Host, caller: Who, base_url: BaseUrl) -> Response:
    """Return the style; it names no address outside of this service."""
    return json_answer(request, await service.read(style, name, base_url, caller))
