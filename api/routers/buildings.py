"""One building, one file."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import json_answer
from api.dependencies import Host, ObjectId, Who
from layers.buildings.dossier import get_dossier

router = APIRouter(tags=["objects"])


@router.get("/buildings/{id}/dossier", summary="All that is known of a building, source by source")
async def dossier(request: Request, id: ObjectId, service: Host, caller: Who) -> Response:
    """Return the merged record, its sources, conflicts, units, storeys and models."""
    return json_answer(request, await service.read(get_dossier, id, caller))
