"""Whole layers of the city as 3D Tiles 1.1."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api.answers import JSON, encode, gzip_answer
from api.caching import cache_headers, content_tag, matches, version_tag
from api.dependencies import Admitted, Host, access_of
from api.routers.models3d import GLB
from api.service import Service
from cim.access import OPEN_CALLER
from cim.errors import NotFound
from tiles.tiles3d.city.remembered import FED_BY
from tiles.tiles3d.city.tileset import city_subtree, city_tileset, kept_content
from tiles.tiles3d.city.wanted import Wanted

router = APIRouter(prefix="/3d", tags=["3d"])

SUBTREE = "application/octet-stream"

Build = Callable[[], Awaitable[bytes | None]]


def wanted_of(
    service: Host,
    access: Admitted,
    ground: Literal["true", "flat"] = Query(
        "true", description="'flat': buildings stand at height 0 and pipes lie below it"
    ),
    without: Literal["models"] | None = Query(
        None, description="'models': without the buildings that have a BIM model of their own"
    ),
) -> Wanted:
    """Return who asks, and how the layer is to be drawn."""
    return Wanted(access.caller, ground, without is not None, service.settings.files)


Drawing = Annotated[Wanted, Depends(wanted_of)]


@router.get("/{layer}/tileset.json", summary="The tileset of a layer")
async def show_tileset(request: Request, layer: str, service: Host, wanted: Drawing) -> Response:
    """Return tileset.json of a layer of buildings or pipes; 'ground=flat' is for maps without terrain."""

    async def build() -> bytes:
        return encode(await service.compute(city_tileset, layer, wanted))

    return await _answer(request, layer, service, wanted, build, JSON)


@router.get("/{layer}/subtrees/{level}/{x}/{y}.subtree", summary="Which tiles of a layer there are")
async def show_subtree(
    request: Request, layer: str, level: str, x: str, y: str, service: Host, wanted: Drawing
) -> Response:
    """Return the binary subtree that begins at a tile."""

    async def build() -> bytes:
        return await service.compute(city_subtree, layer, level, x, y, wanted)

    return await _answer(request, layer, service, wanted, build, SUBTREE)


@router.get("/{layer}/content/{level}/{x}/{y}.glb", summary="A tile of a layer, as binary glTF")
async def show_content(
    request: Request, layer: str, level: str, x: str, y: str, service: Host, wanted: Drawing
) -> Response:
    """Return the glb of the objects that a tile draws."""

    async def build() -> bytes:
        found = await service.compute(kept_content, layer, level, x, y, wanted)
        if found is None:
            raise NotFound(
                f"the layer '{layer[:100]}' draws nothing at {level}/{x}/{y}; its subtrees say where it does",
                "nothing_drawn_there", layer=layer[:100],
            )  # fmt: skip
        return found

    return await _answer(request, layer, service, wanted, build, GLB)


async def _answer(
    request: Request, layer: str, service: Service, wanted: Wanted, build: Build, media_type: str
) -> Response:
    access = access_of(request)
    rows = await service.versions.rows((layer,), access.caller)
    rows += await service.versions.rows(FED_BY, OPEN_CALLER)
    # What is drawn, not what was written: parameters of no meaning would fill the memory with the same bodies.
    drawn = (request.url.path, wanted.query)
    body = await service.built.get((*drawn, version_tag(rows, access.caller)), build)
    # The version of a layer changes with each of its objects; a content seldom does.
    tag = content_tag(body)
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=cache_headers(tag, access))
    return await gzip_answer(request, body, tag, access, media_type)
