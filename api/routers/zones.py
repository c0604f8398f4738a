"""Zones that people draw and work with."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.analysis import analysed
from api.answers import GEOJSON, JSON, encode
from api.caching import NO_STORE
from api.dependencies import LARGEST_ID, AsOf, Host, ObjectId, Who
from api.json_body import parse_json
from api.ogc_parameters import parse_asof
from api.parameters import parse_box, parse_layers
from api.problem import answers, problems
from layers.queries.inventory import take_inventory
from layers.queries.zone import DEFAULT_LIST, MAX_LIST, ZoneRequest
from layers.zones.log import read_log
from layers.zones.shape import zone_shape
from layers.zones.wish import Wish, parse_wish
from layers.zones.zones import MOST, Asked, change_zone, create_zone, drop_zone, list_zones, read_zone

router = APIRouter(prefix="/zones", tags=["zones"], default_response_class=Response, responses=problems())

WISH = {
    "description": "'name', 'by', and one of 'geometry' (GeoJSON), 'buffer' ({'geometry' or 'object', 'distance_m'}),"
    " 'isochrone' ({'from', 'minutes', 'profile'}), 'area_code', 'buildings', 'units' (ids or codes);"
    " optional 'kind', 'note', 'buffer_m'",
    "type": "object",
    "required": ["name", "by"],
    "example": {
        "name": "演练区", "by": "张三", "buffer": {"geometry": {"type": "Point", "coordinates": [114.22, 22.7]},
                                                  "distance_m": 300},
    },
}  # fmt: skip
PROBLEMS = problems(404, 409, 413, 422)
MADE = answers(GEOJSON, 201) | PROBLEMS
BODY = {"requestBody": {"required": True, "content": {JSON: {"schema": WISH}}}}


@router.get("", summary="Zones as GeoJSON, by id", responses=answers(GEOJSON))
async def listing(
    request: Request,
    service: Host,
    caller: Who,
    kind: Annotated[str | None, Query(max_length=60)] = None,
    bbox: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    after: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="The id of the last one before")] = None,
) -> Response:
    """Return a feature collection, and a link to those that follow."""
    found = await service.read(list_zones, Asked(kind, parse_box(bbox), after, limit), caller)
    if len(found["features"]) == limit:
        address = request.url.include_query_params(after=found["features"][-1]["id"])
        found["links"] = [{"rel": "next", "href": str(address), "type": GEOJSON}]
    return Response(encode(found), headers=NO_STORE, media_type=GEOJSON)


@router.post("", summary="Make a zone", status_code=201, openapi_extra=BODY, responses=MADE)
async def create(request: Request, service: Host, caller: Who) -> Response:
    """Return the zone as a GeoJSON feature."""
    caller.require("draw_zones")
    wish = await asyncio.to_thread(_read_wish, await request.body(), is_new=True)
    made = await service.write(create_zone, wish, caller)
    return Response(encode(made), 201, NO_STORE | {"Location": f"/zones/{made['id']}"}, GEOJSON)


@router.get("/{id}", summary="One zone as a GeoJSON feature", responses=answers(GEOJSON) | problems(404))
async def show(id: ObjectId, service: Host, caller: Who) -> Response:
    """Return its shape, name, kind, version and who drew it."""
    return Response(encode(await service.read(read_zone, id, caller)), headers=NO_STORE, media_type=GEOJSON)


@router.put("/{id}", summary="Change a zone", openapi_extra=BODY, responses=answers(GEOJSON) | PROBLEMS)
async def change(id: ObjectId, request: Request, service: Host, caller: Who) -> Response:
    """Return the zone with its next version; 'version' in the body is the one that was seen."""
    caller.require("draw_zones")
    wish = await asyncio.to_thread(_read_wish, await request.body(), is_new=False)
    return Response(encode(await service.write(change_zone, id, wish, caller)), headers=NO_STORE, media_type=GEOJSON)


@router.delete("/{id}", summary="Drop a zone", status_code=204, responses=problems(404))
async def drop(
    id: ObjectId, service: Host, caller: Who, by: Annotated[str, Query(min_length=1, max_length=100)]
) -> Response:
    """Remove it; its log stays."""
    await service.write(drop_zone, id, caller, by=by)
    return Response(status_code=204)


@router.get("/{id}/log", summary="What was done to a zone", responses=answers(JSON) | problems(404))
async def log(id: ObjectId, service: Host, caller: Who) -> Response:
    """Return its entries, oldest first, each with its hash."""
    await service.read(read_zone, id, caller)
    return Response(encode({"entries": await service.read(read_log, id)}), headers=NO_STORE, media_type=JSON)


@router.get(
    "/{id}/inventory", summary="All that is inside of a zone, by theme", responses=answers(JSON) | problems(404)
)
async def inventory(
    request: Request,
    id: ObjectId,
    service: Host,
    caller: Who,
    layers: Annotated[str | None, Query(max_length=2000, description="Only of these layers, by commas")] = None,
    list_limit: Annotated[int, Query(ge=0, le=MAX_LIST)] = DEFAULT_LIST,
    asof: AsOf = None,
) -> Response:
    """Return what POST /query/inventory returns for its shape."""
    names = parse_layers(layers)
    shape = await service.read(zone_shape, id, caller)
    asked = ZoneRequest(shape, tuple(sorted(names)) if names else None, list_limit)
    answer: dict[str, Any] = await service.query(take_inventory, asked, caller, parse_asof(asof))
    for layer in (layer for theme in answer["themes"] for layer in theme["layers"] if layer["more"] and not asof):
        layer["more"] = f"/zones/{id}/items/{layer['id']}"
    return await analysed(request, answer)


def _read_wish(body: bytes, *, is_new: bool) -> Wish:
    return parse_wish(parse_json(body, "a zone"), is_new=is_new)
