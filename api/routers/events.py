"""Events: taken in, listed, moved through their states, joined and parted, told as alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.answers import JSON, encode
from api.caching import NO_STORE
from api.dependencies import Host, ObjectId, Who
from api.json_body import parse_json
from api.parameters import parse_box
from api.problem import answers, problems
from cim.errors import CimError, Forbidden, InvalidInput
from layers.live.events.answer import describe, event_as_cap
from layers.live.events.cap import read_cap
from layers.live.events.cloudevents import BATCH, SINGLE, read_cloudevent
from layers.live.events.context import event_context
from layers.live.events.duplicates import join, part
from layers.live.events.incoming import Incoming, read_incoming, read_time_asked
from layers.live.events.intake import Taken
from layers.live.events.read import MOST, Asked, find_events
from layers.live.events.states import STATES, advance, count_by_state
from layers.live.events.types import read_types

router = APIRouter(prefix="/events", tags=["events"], default_response_class=Response, responses=problems())

CAP = "application/cap+xml"
XML = (CAP, "application/xml", "text/xml")
MOST_AT_ONCE = 1000
EXAMPLE = {"source": "12345", "source_key": "20260301-0001", "type": "路面积水", "title": "坪翔二街积水",
           "occurred_at": "2026-03-01T08:00:00+08:00", "longitude": 114.22, "latitude": 22.7}  # fmt: skip
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": {"description": "An event, or an array of up to 1000", "example": EXAMPLE}},
            SINGLE: {"schema": {"type": "object"}},
            BATCH: {"schema": {"type": "array"}},
            CAP: {"schema": {"type": "string"}},
        },
    }
}
ONE = answers(JSON) | problems(404)
CHANGED = answers(JSON) | problems(404, 409, 413)

Word = Annotated[str | None, Query(max_length=200)]


class Step(BaseModel):
    """A step to another state."""

    state: str = Field(max_length=20, description=" | ".join(STATES))
    by: str = Field(min_length=1, max_length=100, description="Who decides")
    note: str | None = Field(default=None, max_length=2000, description="Why; steps back and over states need it")
    responsible: str | None = Field(default=None, max_length=200, description="Who is to handle it, if another")


class Joining(BaseModel):
    """Of which event this is another report."""

    into: int = Field(ge=1, le=2**63 - 1)
    by: str = Field(min_length=1, max_length=100)
    note: str | None = Field(default=None, max_length=2000)


class Read(NamedTuple):
    """A body: events and errors in the order in which they came, and whether it was a single one."""

    found: Sequence[Incoming | CimError]
    is_single: bool


SMALL_BODY = 16_384


@router.post(
    "",
    summary="Take in events: one, many, CloudEvents or a CAP alert",
    openapi_extra=BODY,
    responses=answers(JSON, 200, 201) | problems(413),
)
async def intake(request: Request, service: Host, caller: Who) -> Response:
    """Return for each event its id and whether it is new, known or joined with another; told again nothing changes.

    Of many, those that are wrong are told with what is wrong; the others are taken in. A key of one area tells events
    that lie there; those of no known place are of that area then.
    """
    caller.require("push_events")
    kind = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    body = await request.body()
    # One event is read sooner than a thread is found for it.
    read = _read(kind, body) if len(body) < SMALL_BODY else await asyncio.to_thread(_read, kind, body)
    good = [replace(one, within=caller.area_code) for one in read.found if isinstance(one, Incoming)]
    taken = iter(await service.events.take(good, caller.role) if good else ())
    told = [_error(one) if isinstance(one, CimError) else _answer(next(taken)) for one in read.found]
    if read.is_single:
        [only] = told
        if only["status"] == "refused":
            raise Forbidden(only["detail"])
        return Response(encode(only), 201 if only["status"] == "created" else 200, NO_STORE, JSON)
    return Response(encode({"events": told}), headers=NO_STORE, media_type=JSON)


@router.get("", summary="Events, newest first", responses=answers(JSON))
async def listing(
    request: Request,
    service: Host,
    caller: Who,
    state: Word = None,
    type: Word = None,
    source: Word = None,
    since: Word = None,
    until: Word = None,
    overdue: bool | None = None,
    bbox: Word = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    after: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="The id of the last one before")] = None,
) -> Response:
    """Return events that are no parts of others, and a link to older ones."""
    begins, ends = read_time_asked("since", since), read_time_asked("until", until)
    asked = Asked(_states(state), type, source, begins, ends, overdue, parse_box(bbox), limit, after)
    found = [one.shown() for one in await service.read(find_events, asked, caller)]
    answer: dict[str, Any] = {"events": found, "links": []}
    if len(found) == limit:
        address = request.url.include_query_params(after=found[-1]["id"])
        answer["links"] = [{"rel": "next", "href": str(address), "type": JSON}]
    return Response(encode(answer), headers=NO_STORE, media_type=JSON)


@router.get("/types", summary="Types of events", responses=answers(JSON))
async def types(service: Host) -> Response:
    """Return codes, titles, and within which distance and time reports are taken for the same."""
    return Response(encode([each._asdict() for each in await service.read(read_types)]), media_type=JSON)


@router.get("/states", summary="How many events are in which state", responses=answers(JSON))
async def states(service: Host, caller: Who) -> Response:
    """Return the number of events and of overdue ones by state."""
    return Response(encode(await service.read(count_by_state, caller)), headers=NO_STORE, media_type=JSON)


@router.get("/{id}", summary="One event with its steps and other reports", responses=ONE)
async def show(id: ObjectId, service: Host, caller: Who) -> Response:
    """Return the event, its log, the reports that are parts of it, and what may follow."""
    return Response(encode(await service.read(describe, id, caller)), headers=NO_STORE, media_type=JSON)


@router.get("/{id}/context", summary="All that the map knows around an event", responses=ONE)
async def context(id: ObjectId, service: Host, caller: Who) -> Response:
    """Return, part by part, what is there, whether nothing means none or no data, and on which layers it rests."""
    return Response(
        encode(await service.query(event_context, id, caller, service.ground)), headers=NO_STORE, media_type=JSON
    )


@router.get("/{id}/cap", summary="One event as a CAP 1.2 alert", responses=answers(CAP) | problems(404))
async def as_alert(request: Request, id: ObjectId, service: Host, caller: Who) -> Response:
    """Return the alert, with the event's area or a circle around its place."""
    body = await service.read(event_as_cap, id, caller, sender=request.url.hostname or "cim")
    return Response(body, headers=NO_STORE, media_type=CAP)


@router.post("/{id}/state", summary="Bring an event into another state", responses=CHANGED)
async def step(id: ObjectId, body: Step, service: Host, caller: Who) -> Response:
    """Return the event as it is then; its clock starts anew."""
    found = await service.write(
        advance, id, body.state, caller, actor=body.by, note=body.note, responsible=body.responsible
    )
    return Response(encode(found), media_type=JSON)


@router.post("/{id}/merge", summary="Make an event a part of another", responses=CHANGED)
async def merge(id: ObjectId, body: Joining, service: Host, caller: Who) -> Response:
    """Return the other event."""
    found = await service.write(join, id, body.into, caller, actor=body.by, note=body.note)
    return Response(encode(found), media_type=JSON)


@router.delete("/{id}/merge", summary="Part an event from the one that it was joined with", responses=CHANGED)
async def unmerge(
    id: ObjectId,
    service: Host,
    caller: Who,
    by: Annotated[str, Query(min_length=1, max_length=100)],
    note: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """Return the event, which is one of its own again."""
    return Response(encode(await service.write(part, id, caller, actor=by, note=note)), media_type=JSON)


def _read(kind: str, body: bytes) -> Read:
    if kind in XML:
        return Read([read_cap(body)], is_single=True)
    document = parse_json(body, "an event or an array of events")
    reader: Callable[[Any], Incoming] = read_cloudevent if kind in (SINGLE, BATCH) else read_incoming
    if not isinstance(document, list):
        return Read([reader(document)], is_single=True)
    if len(document) > MOST_AT_ONCE:
        raise InvalidInput(
            f"{len(document)} events at once; send at most {MOST_AT_ONCE}",
            "too_many", field="events", count=len(document), most=MOST_AT_ONCE,
        )  # fmt: skip
    return Read([_try(reader, one) for one in document], is_single=False)


def _try(reader: Callable[[Any], Incoming], said: Any) -> Incoming | CimError:
    try:
        return reader(said)
    except InvalidInput as error:
        return error


def _answer(taken: Taken) -> dict[str, Any]:
    return {name: value for name, value in taken._asdict().items() if value is not None}


def _error(error: CimError) -> dict[str, Any]:
    return {"status": "refused", "detail": str(error)}


def _states(text: str | None) -> list[str] | None:
    if text is None:
        return None
    found = text.split(",")
    if unknown := set(found) - set(STATES):
        raise InvalidInput(
            f"state is '{sorted(unknown)[0][:40]}'; use some of {', '.join(STATES)}",
            "not_one_of", field="state", given=sorted(unknown)[0][:40], choices=STATES,
        )  # fmt: skip
    return found
