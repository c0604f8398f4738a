"""The layers and BIM models that a caller may see."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import json_answer
from api.dependencies import Host, Who
from layers.catalogue import list_layers, list_models

router = APIRouter(prefix="/api", tags=["catalogue"])


@router.get("/layers", summary="All layers, by theme")
async def layers(request: Request, service: Host, caller: Who) -> Response:
    """Return the catalogue with counts, extents, legends and versions."""
    return json_answer(request, {"layers": await service.read(list_layers, caller)})


@router.get("/models", summary="All BIM models")
async def models(request: Request, service: Host, caller: Who) -> Response:
    """Return the models with their place and their 3D tileset."""
    return json_answer(request, {"models": await service.read(list_models, caller)})
