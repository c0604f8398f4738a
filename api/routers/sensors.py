"""Sensors on the map: last readings, series, thresholds."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.answers import JSON, encode
from api.caching import NO_STORE
from api.dependencies import Host, ObjectId, Who
from api.parameters import parse_box
from api.problem import answers, problems
from api.routers.sensorthings import query_of
from layers.live.events.incoming import read_time_asked
from layers.live.sensors.last import MOST_POINTS, last_readings, read_series
from layers.live.sensors.thresholds import Threshold, list_thresholds, remove_threshold, set_threshold

router = APIRouter(prefix="/sensors", tags=["sensors"], default_response_class=Response, responses=problems())

#: A word of the language, which no parameter can be called; read by hand, and so described by hand.
SPAN = {
    "parameters": [
        {
            "name": name,
            "in": "query",
            "schema": {"type": "string", "format": "date-time"},
            "description": "Readings of this span; of the last day without",
        }
        for name in ("from", "to")
    ]
}
Word = Annotated[str | None, Query(max_length=200)]


class Limit(BaseModel):
    """A threshold."""

    sensor_id: int | None = Field(default=None, ge=1, le=2**63 - 1)
    kind: str | None = Field(default=None, min_length=1, max_length=100, pattern="^[^\\x00]+$")
    direction: Literal["above", "below"] = "above"
    limit_value: float | None = Field(default=None, allow_inf_nan=False)
    attribute: str | None = Field(default=None, max_length=100, pattern="^[^\\x00]+$")
    hysteresis: float = Field(default=0, ge=0, le=1e9, allow_inf_nan=False)
    duration_s: int = Field(default=0, ge=0, le=86_400 * 30)
    type_code: str | None = Field(default=None, max_length=20, pattern="^[^\\x00]+$")
    severity: int | None = Field(default=None, ge=1, le=4)


@router.get("/last", summary="The last reading of every sensor", responses=answers(JSON))
async def last(
    service: Host, caller: Who, since: Word = None, kind: Word = None, bbox: Word = None, places: bool = True
) -> Response:
    """Return columns: id, lon, lat, value, time (seconds since 1970), stale (1: nothing for twice its interval).

    Without 'places' lon and lat are empty: who has the layer's tiles has them there, by the same ids.
    """
    asked = {"since": read_time_asked("since", since), "kind": kind, "box": parse_box(bbox), "has_places": places}
    body = await service.read(last_readings, caller, **asked)  # type: ignore[arg-type]
    return Response(body, headers=NO_STORE, media_type=JSON)


@router.get(
    "/{id}/series",
    summary="Readings of one sensor, downsampled",
    responses=answers(JSON) | problems(404),
    openapi_extra=SPAN,
)
async def series(
    id: ObjectId,
    request: Request,
    service: Host,
    caller: Who,
    points: Annotated[int, Query(ge=1, le=MOST_POINTS)] = 500,
) -> Response:
    """Return buckets with least, greatest, mean and number, from 'from' to 'to' (by default the last day)."""
    asked = dict(query_of(request))
    begins, ends = read_time_asked("from", asked.get("from")), read_time_asked("to", asked.get("to"))
    found = await service.query(read_series, caller, id, begins, ends, points)
    return Response(encode(found), headers=NO_STORE, media_type=JSON)


@router.get("/thresholds", summary="Thresholds that raise events", responses=answers(JSON))
async def thresholds(service: Host, caller: Who) -> Response:
    """Return all thresholds; to a key of one area those of kinds, and of its sensors."""
    caller.require("handle_events")
    return Response(encode(await service.read(list_thresholds, caller)), headers=NO_STORE, media_type=JSON)


@router.post("/thresholds", summary="Set a threshold", status_code=201, responses=answers(JSON, 201) | problems(413))
async def put_threshold(body: Limit, service: Host, caller: Who) -> Response:
    """Return the threshold's id."""
    caller.require("administer")
    number = await service.write(set_threshold, Threshold(**body.model_dump()), caller)
    return Response(encode({"id": number}), 201, NO_STORE, JSON)


@router.delete("/thresholds/{id}", summary="Remove a threshold", status_code=204, responses=problems(404))
async def drop_threshold(id: ObjectId, service: Host, caller: Who) -> Response:
    """Remove a threshold; events that it raised stay."""
    caller.require("administer")
    await service.write(remove_threshold, id, caller)
    return Response(status_code=204)
