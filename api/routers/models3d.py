"""BIM models as 3D Tiles 1.1."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.answers import JSON, encode, gzip_answer
from api.caching import cache_headers, matches, version_tag
from api.dependencies import Admitted, Host, ObjectId
from api.service import Service
from cim.access import OPEN_CALLER
from tiles.tiles3d.models import content, tileset
from tiles.tiles3d.summary import model_summary

router = APIRouter(prefix="/3d", tags=["3d"])

GLB = "model/gltf-binary"
#: Whatever changes a model's place, parts or table of elements raises the version of one of these.
FED_BY = ("models", "buildings", "storeys", "spaces", "elements")

Build = Callable[[], Awaitable[bytes | None]]


@router.get("/models/{model}/tileset.json", summary="The tileset of a BIM model")
async def show_tileset(
    request: Request,
    model: ObjectId,
    service: Host,
    access: Admitted,
    ground: Literal["true", "flat"] = Query("true", description="'flat': the ground floor at height 0"),
) -> Response:
    """Return tileset.json; 'ground=flat' is for maps without terrain."""

    async def build() -> bytes:
        return encode(await service.compute(tileset, model, access.caller, ground=ground))

    return await _answer(request, service, access, build, JSON)


@router.get("/models/{model}/summary.json", summary="What a BIM model holds, counted")
async def show_summary(request: Request, model: ObjectId, service: Host, access: Admitted) -> Response:
    """Return the model's storeys and the number of its elements by storey, class, system and discipline."""

    async def build() -> bytes:
        return encode(await service.compute(model_summary, model, access.caller))

    return await _answer(request, service, access, build, JSON)


@router.get("/models/{model}/{part}.glb", summary="A part of a BIM model, as binary glTF")
async def show_content(request: Request, model: ObjectId, part: str, service: Host, access: Admitted) -> Response:
    """Return the glb of a discipline of a storey, or of the model as plain blocks; tileset.json names them."""

    async def build() -> bytes:
        return await service.compute(content, model, part, access.caller)

    return await _answer(request, service, access, build, GLB)


async def _answer(request: Request, service: Service, access: Admitted, build: Build, media_type: str) -> Response:
    rows = await service.versions.rows(FED_BY, OPEN_CALLER)
    tag = version_tag(rows, access.caller, request.url.path, request.url.query)
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=cache_headers(tag, access))
    body = await service.built.get((request.url.path, request.url.query, tag), build)
    return await gzip_answer(request, body, tag, access, media_type)
