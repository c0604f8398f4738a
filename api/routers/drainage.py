"""Drains in a storm: the owner's SWMM model, run."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api.analysis import analysed
from api.answers import JSON
from api.dependencies import LARGEST_ID, Host, Who
from api.json_body import parse_json
from api.problem import answers, problems
from layers.water.asked import HOURS, LIMIT, MAX_LIMIT, MM
from layers.water.drainage import DrainageRequest, drainage, parse_drainage

router = APIRouter(prefix="/networks", tags=["networks"], default_response_class=Response, responses=problems())

Name = Annotated[str, Path(max_length=60, description="drainage, sewer ...")]

DRAINAGE_SCHEMA: dict[str, Any] = {
    "description": "All optional: 'rain' (mm, hours) instead of the model's own, 'dataset', 'limit'",
    "type": "object",
    "example": {"rain": {"mm": 80, "hours": 2}},
}


@router.get(
    "/{name}/drainage",
    summary="Where the drains flood in a storm, by the owner's SWMM model",
    responses=answers(JSON) | problems(404),
)
async def look(
    request: Request,
    name: Name,
    service: Host,
    caller: Who,
    rain_mm: Annotated[
        float | None, Query(ge=MM[0], le=MM[1], allow_inf_nan=False, description="instead of the model's own rain")
    ] = None,
    hours: Annotated[float | None, Query(ge=HOURS[0], le=HOURS[1], allow_inf_nan=False)] = None,
    dataset: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="Which of several models")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Objects listed at most; totals are of all")] = LIMIT,
) -> Response:
    """Return nodes that flood, pipes that are surcharged, errors of continuity, and a receipt."""
    rain = {"mm": rain_mm, "hours": hours}
    body: dict[str, Any] = {"dataset": dataset, "limit": limit}
    if any(value is not None for value in rain.values()):
        body["rain"] = rain
    return await _answer(request, parse_drainage(name, body), service, caller)


@router.post(
    "/{name}/drainage",
    summary="Where the drains flood in a storm, by the owner's SWMM model",
    responses=answers(JSON) | problems(404, 413),
    openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": DRAINAGE_SCHEMA}}}},
)
async def ask(name: Name, request: Request, service: Host, caller: Who) -> Response:
    """Return nodes that flood, pipes that are surcharged, errors of continuity, and a receipt."""
    wanted = parse_drainage(name, parse_json(await request.body(), "an object, perhaps with 'rain'"))
    return await _answer(request, wanted, service, caller)


async def _answer(request: Request, wanted: DrainageRequest, service: Host, caller: Who) -> Response:
    answer = await service.compute(drainage, service.settings.files, wanted, caller)
    return await analysed(request, answer)
