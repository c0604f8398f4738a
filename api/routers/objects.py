"""Any object of the city by its id."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import json_answer
from api.dependencies import AsOf, Host, ObjectId, Who
from api.ogc_parameters import parse_asof
from layers.queries.objects import get_object

router = APIRouter(tags=["objects"])


@router.get("/objects/{id}", summary="Any object: attributes, provenance, links")
async def show(request: Request, id: ObjectId, service: Host, caller: Who, asof: AsOf = None) -> Response:
    """Return one object, as it is or as it was recorded at a moment."""
    return json_answer(request, await service.read(get_object, id, caller, parse_asof(asof)))
