"""Tracks of mobile units: positions in, where units are and have been, who is nearest to an event."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api.answers import GEOJSON, JSON, encode
from api.caching import NO_STORE
from api.dependencies import Host, ObjectId, Who
from api.parameters import parse_box
from api.problem import answers, problems
from cim.errors import CimError, Forbidden, InvalidInput
from cim.tables import UNIT_KINDS
from layers.live.events.incoming import read_time_asked
from layers.live.tracks.incoming import Position
from layers.live.tracks.nearest import MOST as MOST_NEAR
from layers.live.tracks.nearest import units_near_event
from layers.live.tracks.payload import read_payload
from layers.live.tracks.positions import Kept
from layers.live.tracks.read import MOST, Asked, find_units
from layers.live.tracks.trail import MOST_POINTS, trail

router = APIRouter(tags=["tracks"], default_response_class=Response, responses=problems())

XML = ("application/xml", "text/xml", "application/cot+xml")
EXAMPLE = {"code": "drone-1", "time": "2026-03-01T08:00:00+08:00", "longitude": 114.22, "latitude": 22.7,
           "height_m": 120.0, "speed_m_s": 8.5, "heading_deg": 270.0, "kind": "drone"}  # fmt: skip
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": {"description": "A position, or an array of up to 1000", "example": EXAMPLE}},
            "application/xml": {"schema": {"type": "string", "description": "A Cursor on Target event"}},
        },
    }
}

Word = Annotated[str | None, Query(max_length=200)]
Kinds = Annotated[str | None, Query(max_length=200, description=f"Some of {', '.join(UNIT_KINDS)}, by commas")]


@router.post(
    "/tracks",
    summary="Take in positions: one, many, or a Cursor on Target event",
    openapi_extra=BODY,
    responses=answers(JSON, 200, 201) | problems(413),
)
async def intake(request: Request, service: Host, caller: Who) -> Response:
    """Return for each position whether it is new or known, and whether the unit is there now.

    Of many, those that are wrong are told with what is wrong; the others are taken in. A key of one area tells units
    that belong there or nowhere, as long as they are there.
    """
    caller.require("push_events")
    kind = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    read = await asyncio.to_thread(read_payload, await request.body(), is_xml=kind in XML)
    good = [one.model_copy(update={"within": caller.area_code}) for one in read.found if isinstance(one, Position)]
    kept = iter(await service.tracks.take(good, caller.role) if good else ())
    told = [_error(one) if isinstance(one, CimError) else _answer(next(kept)) for one in read.found]
    if read.is_single:
        [only] = told
        if only["status"] == "refused":
            raise Forbidden(only["detail"])
        return Response(encode(only), 201 if only["status"] == "new" else 200, NO_STORE, JSON)
    return Response(encode({"positions": told}), headers=NO_STORE, media_type=JSON)


@router.get("/tracks", summary="Where units are (GeoJSON)", responses=answers(GEOJSON))
async def listing(
    request: Request,
    service: Host,
    caller: Who,
    bbox: Word = None,
    kind: Kinds = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 1000,
    after: Annotated[str | None, Query(max_length=64, description="The code of the last one before")] = None,
) -> Response:
    """Return the last position of each unit, with its age and whether it is stale, and a link to more."""
    asked = Asked(parse_box(bbox), _kinds(kind), limit, after)
    found = await service.read(find_units, asked, caller)
    if len(found["features"]) == limit:
        address = request.url.include_query_params(after=found["features"][-1]["id"])
        found["links"] = [{"rel": "next", "href": str(address), "type": GEOJSON}]
    return Response(encode(found), headers=NO_STORE, media_type=GEOJSON)


@router.get(
    "/tracks/{code:path}", summary="Where a unit has been (GeoJSON)", responses=answers(GEOJSON) | problems(404)
)
async def show(
    code: Annotated[str, Path(min_length=1, max_length=64)],
    service: Host,
    caller: Who,
    since: Word = None,
    until: Word = None,
    points: Annotated[int, Query(ge=2, le=MOST_POINTS, description="Vertices at most")] = MOST_POINTS,
) -> Response:
    """Return the trail as a line with its times; by default that of the last hour."""
    begins, ends = read_time_asked("since", since), read_time_asked("until", until)
    found = await service.read(trail, code, caller, since=begins, until=ends, most=points)
    return Response(encode(found), headers=NO_STORE, media_type=GEOJSON)


@router.get("/events/{id}/units", summary="The units nearest to an event", responses=answers(JSON) | problems(404))
async def near_event(
    id: ObjectId,
    service: Host,
    caller: Who,
    kind: Kinds = None,
    stale: Annotated[bool, Query(description="Units of which the position is stale as well")] = False,
    limit: Annotated[int, Query(ge=1, le=MOST_NEAR)] = 10,
) -> Response:
    """Return units by their time by road, then the others by distance."""
    found = await service.query(units_near_event, id, caller, kinds=_kinds(kind), limit=limit, with_stale=stale)
    return Response(encode(found), headers=NO_STORE, media_type=JSON)


def _answer(kept: Kept) -> dict[str, Any]:
    told = {"code": kept.position.code, "time": kept.position.time, "status": kept.status, "is_last": kept.is_last}
    return told if kept.detail is None else told | {"detail": kept.detail}


def _error(error: CimError) -> dict[str, Any]:
    return {"status": "refused", "detail": str(error)}


def _kinds(text: str | None) -> list[str] | None:
    if text is None:
        return None
    found = text.split(",")
    if unknown := set(found) - set(UNIT_KINDS):
        raise InvalidInput(
            f"kind is '{sorted(unknown)[0][:40]}'; use some of {', '.join(UNIT_KINDS)}",
            "not_one_of", field="kind", given=sorted(unknown)[0][:40], choices=UNIT_KINDS,
        )  # fmt: skip
    return found
