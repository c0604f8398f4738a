"""MapLibre styles: of everything, of a theme, of a layer, of the relief."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.answers import json_answer
from api.dependencies import BaseUrl, Host, Who
from tiles.styles import style

router = APIRouter(tags=["tiles"])


@router.get(
    "/styles/{name}.json",
    summary="A MapLibre style: 'base', 'dark', 'wall', 'hillshade', 'theme-' and a theme, or the id of a layer",
)
async def show(
    request: Request,
    name: str,
    service: Host,
    caller: Who,
    base_url: BaseUrl,
    lang: Annotated[Literal["zh", "en"], Query(description="'en': English names where the tiles carry them")] = "zh",
) -> Response:
    """Return the style; it names no address outside of this service. With '-dark' or '-wall' at its end: darker."""
    return json_answer(request, await service.read(style, name, base_url, caller, language=lang))
