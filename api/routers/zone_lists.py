"""Full lists of what lies in a zone."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response, StreamingResponse

from api.answers import GEOJSON
from api.caching import NO_STORE
from api.dependencies import Host, ObjectId, Who
from api.problem import answers, problems
from api.routers.ogc import get_collection
from layers.zones.lists import FORMATS, list_inside, require_list
from layers.zones.shape import zone_shape

router = APIRouter(prefix="/zones", tags=["zones"], default_response_class=Response, responses=problems(404))


@router.get("/{id}/items/{layer}", summary="All objects of a layer in a zone, as a stream", responses=answers(GEOJSON))
async def items(
    id: ObjectId,
    layer: Annotated[str, Path(max_length=100)],
    service: Host,
    caller: Who,
    f: Annotated[str, Query(max_length=20, description=" | ".join(FORMATS))] = "geojson",
) -> Response:
    """Return a file; nothing is left out, and memory does not grow with it."""
    row = await service.read(get_collection, layer, caller)
    require_list(row, f)
    shape = await service.read(zone_shape, id, caller)
    body = service.stream(list_inside, row, shape, caller, f, service.settings.vertical_crs)
    name = f"zone-{id}-{row.id}.{f}"
    headers = NO_STORE | {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(body, headers=headers, media_type=FORMATS[f])
