"""Incidents: opened, gathered into, replayed; briefings and packs; what comes back from the field."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from pydantic import BaseModel, Field
from sqlalchemy import Connection
from starlette.responses import Response, StreamingResponse

from api.answers import JSON, encode
from api.caching import NO_STORE
from api.dependencies import LARGEST_ID, Host, ObjectId, Who
from api.json_body import parse_json
from api.problem import answers, problems
from cim.access import Caller
from cim.settings import Settings
from layers.incidents.additions import Additions, parse_additions
from layers.incidents.conflicts import CHOICES, list_conflicts, settle_conflict
from layers.incidents.drawn_additions import MEDIA_TYPE, is_geopackage, read_drawn
from layers.incidents.entries import add_entry
from layers.incidents.incident import (
    LEADS,
    MOST,
    change_incident,
    close_incident,
    list_incidents,
    open_incident,
    read_incident,
)
from layers.incidents.merge_back import merge_additions
from layers.incidents.replay import replay, trails
from layers.incidents.timeline import DEFAULT, Asked, timeline
from layers.incidents.timeline import MOST as MOST_ENTRIES
from layers.incidents.wish import SAID_KINDS, parse_change, parse_entry, parse_incident
from layers.live.events.incoming import read_time_asked
from tiles.briefing import Briefing, gather
from tiles.briefing_map import Picture, draw
from tiles.briefing_page import render_briefing
from tiles.briefing_pdf import find_browser, print_pdf

router = APIRouter(prefix="/incidents", tags=["incidents"], default_response_class=Response, responses=problems())

T = TypeVar("T")
_PART = 1 << 18
PDF, ZIP = "application/pdf", "application/zip"
ONE = answers(JSON) | problems(404)
CHANGED = answers(JSON) | problems(404, 409, 413, 422)
MADE = answers(JSON, 200, 201) | problems(404, 409, 413, 422)

Until = Annotated[str | None, Query(max_length=64, description="As it was known at this moment (RFC 3339)")]
ConflictId = Annotated[int, InPath(ge=1, le=LARGEST_ID)]
DrawnBy = Annotated[
    str | None, Query(min_length=1, max_length=100, pattern="^[^\\x00]*$", description="Who drew the points of a"
                      " GeoPackage that do not say it")
]  # fmt: skip
Language = Annotated[Literal["zh", "en"], Query(description="What the page speaks")]


class Closing(BaseModel):
    """Who closes an incident."""

    by: str = Field(min_length=1, max_length=100, pattern="^[^\\x00]*$")


class Settling(BaseModel):
    """Which version is to hold."""

    choice: str = Field(max_length=20, description=" | ".join(CHOICES))
    by: str = Field(min_length=1, max_length=100, pattern="^[^\\x00]*$")


def _body(description: str, example: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "description": description, "example": example}
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


INCIDENT = _body(
    "'name', 'by'; perhaps 'kind', 'position', 'note', 'at'",
    {"name": "坪翔二街燃气泄漏", "by": "张三", "kind": "燃气", "position": [114.22, 22.7]},
)
CHANGE = _body(
    "'by', the 'version' that was seen, and some of 'name', 'kind', 'note', 'position', 'state' ('open' again)",
    {"by": "张三", "version": 1, "note": "已关阀"},
)
ENTRY = _body(
    f"'by', 'kind' ({', '.join(SAID_KINDS)}), 'ref' (id, code of a unit, hash of a receipt); perhaps 'text', 'at',"
    " 'position', 'summary', 'uuid' (told again it changes nothing), 'corrects' (the uuid of an earlier one)",
    {"by": "张三", "kind": "note", "text": "消防到场", "at": "2026-03-01T08:00:00+08:00"},
)
ADDITIONS = _body(
    "A file of additions, as the page of a forward pack saves it",
    {"format": "cim-incident-additions", "incident": "0b8f8f3e-5c1c-4a43-9c39-0d7f3c1d2e4f", "by": "前线",
     "entries": []},
)  # fmt: skip
ADDITIONS["requestBody"]["content"][MEDIA_TYPE] = {
    "schema": {"type": "string", "format": "binary", "description": "The additions.gpkg of a forward pack, with points"}
}


@router.get("", summary="Incidents, the newest first", responses=answers(JSON))
async def listing(
    request: Request,
    service: Host,
    caller: Who,
    state: Annotated[Literal["open", "closed"] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    after: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="The id of the last one before")] = None,
) -> Response:
    """Return incidents of the caller's area, and a link to those that follow."""
    found = await service.read(list_incidents, caller, state=state, after=after, limit=limit)
    answer: dict[str, Any] = {"incidents": found}
    if len(found) == limit:
        answer["links"] = _next(request, after=found[-1]["id"])
    return Response(encode(answer), headers=NO_STORE, media_type=JSON)


@router.post("", summary="Open an incident", status_code=201, openapi_extra=INCIDENT, responses=MADE)
async def create(request: Request, service: Host, caller: Who) -> Response:
    """Return the incident."""
    caller.require(LEADS)
    made = await service.write(open_incident, await _read(request, parse_incident, "an incident"), caller)
    return Response(encode(made), 201, NO_STORE | {"Location": f"/incidents/{made['id']}"}, JSON)


@router.get("/{id}", summary="An incident with its zones, events and units, now or as it was known", responses=ONE)
async def show(id: ObjectId, service: Host, caller: Who, until: Until = None) -> Response:
    """Return the incident, and what belongs to it as GeoJSON; the answer for a moment never changes."""
    answer = await service.query(replay, id, caller, read_time_asked("until", until))
    return Response(encode(answer["incident"] | answer), headers=NO_STORE, media_type=JSON)


@router.put("/{id}", summary="Change an incident", openapi_extra=CHANGE, responses=CHANGED)
async def change(id: ObjectId, request: Request, service: Host, caller: Who) -> Response:
    """Return the incident with its next version."""
    caller.require(LEADS)
    wish = await _read(request, parse_change, "a change")
    return _json(await service.write(change_incident, id, wish, caller))


@router.post("/{id}/close", summary="Close an incident", responses=CHANGED)
async def close(id: ObjectId, closing: Closing, service: Host, caller: Who) -> Response:
    """Return the incident; where its units have been is kept with it."""
    return _json(await service.write(close_incident, id, caller, by=closing.by))


@router.post("/{id}/entries", summary="Add an entry", status_code=201, openapi_extra=ENTRY, responses=MADE)
async def add(id: ObjectId, request: Request, service: Host, caller: Who) -> Response:
    """Return the entry's uuid and whether it is new; what it refers to is kept as it is at this moment."""
    caller.require(LEADS)
    wish = await _read(request, parse_entry, "an entry")
    made = await service.write(add_entry, id, wish, caller)
    return Response(encode(made), 201 if made["status"] == "created" else 200, NO_STORE, JSON)


@router.get("/{id}/timeline", summary="What happened, in the order of time", responses=ONE)
async def show_timeline(
    id: ObjectId,
    request: Request,
    service: Host,
    caller: Who,
    until: Until = None,
    after: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="The id of the last entry before")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = DEFAULT,
    geometry: Annotated[bool, Query(description="Whether zones come with their shapes")] = False,
) -> Response:
    """Return entries and a link to those that follow, all of what was known at one moment."""
    asked = Asked(read_time_asked("until", until), after, limit, geometry)
    answer = await service.query(timeline, id, asked, caller)
    last = answer.pop("more")
    if last is not None:
        answer["links"] = _next(request, after=last, until=answer["until"])
    return _json(answer)


@router.get("/{id}/trails", summary="Where its units have been", responses=ONE)
async def show_trails(id: ObjectId, service: Host, caller: Who) -> Response:
    """Return lines since the incident was opened, as far as positions are kept."""
    return _json(await service.query(trails, id, caller))


@router.get("/{id}/briefing.pdf", summary="The briefing as PDF", responses=answers(PDF) | problems(404, 501))
async def briefing_pdf(
    id: ObjectId, service: Host, caller: Who, until: Until = None, lang: Language = "zh"
) -> Response:
    """Return pages that the server's Chromium prints; 501 where there is none."""
    chromium = service.settings.chromium
    find_browser(chromium)
    found, picture = await service.compute(_gathered, id, caller, read_time_asked("until", until))
    body = await asyncio.to_thread(lambda: print_pdf(render_briefing(found, picture, lang), chromium))
    return Response(body, headers=NO_STORE | _named(f"incident-{id}.pdf"), media_type=PDF)


@router.get("/{id}/briefing.zip", summary="The briefing as page, tables and layers", responses=answers(ZIP) | ONE)
async def briefing_zip(id: ObjectId, service: Host, caller: Who, until: Until = None) -> Response:
    """Return a ZIP of GeoPackage, CSV, PNG, HTML and JSON."""
    body = await service.compute(_zipped, id, caller, read_time_asked("until", until))
    return Response(body, headers=NO_STORE | _named(f"incident-{id}.zip"), media_type=ZIP)


@router.get("/{id}/pack", summary="The forward pack, for a machine without network", responses=answers(ZIP) | ONE)
async def pack(id: ObjectId, service: Host, caller: Who) -> Response:
    """Return a signed ZIP: page, tiles, scene, queries and the incident."""
    caller.require(LEADS)
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="cim-pack-out-")
    file = Path(folder.name) / f"incident-{id}-pack.zip"
    try:
        await service.compute(_packed, id, file, service.settings, caller)
    except BaseException:
        folder.cleanup()
        raise
    headers = NO_STORE | _named(file.name) | {"Content-Length": str(file.stat().st_size)}
    return StreamingResponse(_parts(file, folder), headers=headers, media_type=ZIP)


@router.post("/{id}/additions", summary="Take back what was added in the field", openapi_extra=ADDITIONS,
             responses=CHANGED)  # fmt: skip
async def merge(id: ObjectId, request: Request, service: Host, caller: Who, by: DrawnBy = None) -> Response:
    """Return how many entries and changes were new, and the ids of conflicts; told again it changes nothing."""
    caller.require(LEADS)
    body = await request.body()
    if is_geopackage(body):
        incident = await service.read(read_incident, id, caller)
        additions = await asyncio.to_thread(_drawn, body, UUID(incident["uuid"]), by)
    else:
        additions = await _read(request, parse_additions, "a file of additions")
    return _json(await service.write(merge_additions, id, additions, caller))


@router.get("/{id}/conflicts", summary="What both sides changed", responses=ONE)
async def show_conflicts(
    id: ObjectId, service: Host, caller: Who, state: Annotated[Literal["open", "settled"] | None, Query()] = None
) -> Response:
    """Return conflicts, oldest first, each with what stands and what came from the field."""
    return _json({"conflicts": await service.read(list_conflicts, id, caller, state=state)})


@router.post("/{id}/conflicts/{conflict}/settle", summary="Settle a conflict", responses=CHANGED)
async def settle(id: ObjectId, conflict: ConflictId, settling: Settling, service: Host, caller: Who) -> Response:
    """Return the conflict; both versions stay in the records."""
    return _json(await service.write(settle_conflict, id, conflict, settling.choice, caller, by=settling.by))


def _gathered(connection: Connection, id: int, caller: Caller, until: datetime | None) -> tuple[Briefing, Picture]:
    found = gather(connection, id, caller, until)
    return found, draw(connection, found, caller)


def _packed(connection: Connection, id: int, file: Path, settings: Settings, caller: Caller) -> None:
    from tiles.incident_pack import Source, write_pack

    write_pack(connection, id, file, Source(settings.files, settings.home, datetime.now(UTC).astimezone()), caller)


def _zipped(connection: Connection, id: int, caller: Caller, until: datetime | None) -> bytes:
    # pandas comes with it, which each start of a service would wait for
    from tiles.briefing_zip import write_briefing

    return write_briefing(connection, *_gathered(connection, id, caller, until), caller)


def _parts(file: Path, folder: tempfile.TemporaryDirectory[str]) -> Iterator[bytes]:
    """Yield a file part by part and remove its folder; the server itself would open it when the folder is gone."""
    with folder, file.open("rb") as opened:
        while part := opened.read(_PART):
            yield part


def _drawn(body: bytes, incident: UUID, by: str | None) -> Additions:
    with tempfile.TemporaryDirectory(prefix="cim-additions-") as folder:
        file = Path(folder) / "additions.gpkg"
        file.write_bytes(body)
        return read_drawn(file, incident=incident, by=by)


async def _read(request: Request, parse: Callable[[Any], T], wanted: str) -> T:
    body = await request.body()
    return await asyncio.to_thread(lambda: parse(parse_json(body, wanted)))


def _json(value: Any) -> Response:
    return Response(encode(value), headers=NO_STORE, media_type=JSON)


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _next(request: Request, **more: Any) -> list[dict[str, str]]:
    return [{"rel": "next", "href": str(request.url.include_query_params(**more)), "type": JSON}]
