"""pydeck scenes and the scripts they are made of, all from this service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import fastapi
from fastapi import APIRouter, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response

from api.answers import GEOJSON, tagged_answer
from api.dependencies import Host, Who
from api.security_headers import PAGE_POLICY, scene_policy
from tiles.scene import render, static_files
from tiles.scene_heights import scene_tile

router = APIRouter(prefix="/scenes", tags=["scenes"])


@router.get("/static/{name:path}", include_in_schema=False)
def static(name: Annotated[str, fastapi.Path(max_length=200)]) -> Response:
    """Return a script or style sheet; only what is listed is there."""
    path: Path | None = static_files().get(name)
    if path is None or not path.is_file():
        raise HTTPException(404)
    headers = {"Cache-Control": "private, max-age=3600", "Content-Security-Policy": PAGE_POLICY}
    return FileResponse(path, headers=headers)


@router.get(
    "/data/{layer}/{z}/{x}/{y}.geojson",
    summary="Objects of a tile with heights: 'pipes' at their depth, 'rivers' and 'river_areas' on the ground",
)
async def data(request: Request, layer: str, z: str, x: str, y: str, service: Host, caller: Who) -> Response:
    """Return GeoJSON, Z in metres; scenes draw it."""
    body = await service.compute(scene_tile, service.settings.files, layer, z, x, y, caller)
    return tagged_answer(request, body, GEOJSON)


@router.get("/{name}.html", summary="A pydeck scene, e.g. 'overview'", response_class=HTMLResponse)
async def show(
    name: str,
    service: Host,
    caller: Who,
    lang: Annotated[Literal["zh", "en"], Query(description="the language of titles, legend and tooltips")] = "zh",
) -> Response:
    """Return the page; its own inline scripts, and no others, may run."""
    html = await service.compute(render, name, caller, lang)
    return HTMLResponse(
        html, headers={"Cache-Control": "private, no-cache", "Content-Security-Policy": scene_policy(html)}
    )
