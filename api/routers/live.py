"""Server-sent events: what has changed, as it changes (HTML Living Standard, 9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from api.auth import authenticate
from api.dependencies import Host
from api.live import LiveEvent
from api.parameters import parse_box, parse_layers
from api.service import Service
from cim.access import RANK, Caller
from cim.errors import Busy, CimError, NotFound
from layers.live.tracks import sight

router = APIRouter(tags=["live"])

HEARTBEAT_S = 15.0
#: The browser's wait before it comes again.
RETRY_MS = 3000
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True)
class Wanted:
    """What a listener wants to hear: of some layers (None: all that it may see).

    ``box``: of events and units within it only (degrees).
    """

    caller: Caller
    layers: frozenset[str] | None = None
    box: tuple[float, float, float, float] | None = None


@router.get("/live", summary="Stream of changes (text/event-stream)")
async def live(
    request: Request,
    service: Host,
    layers: Annotated[str | None, Query(max_length=2000, description="Only of these layers, by commas")] = None,
    bbox: Annotated[
        str | None, Query(max_length=200, description="Events and units within west,south,east,north only")
    ] = None,
) -> Response:
    """Send 'hello', then 'layer', 'tiles', 'event', 'track', 'model' and 'job' as they happen; a comment every 15 s."""
    if service.live.is_full():
        raise Busy("too many event streams are open; close some")
    names = parse_layers(layers)
    wanted = Wanted(request.scope["state"]["access"].caller, frozenset(names) if names else None, parse_box(bbox))
    stream = _stream(request, service, wanted, request.headers.get("last-event-id"))
    return StreamingResponse(stream, headers=HEADERS, media_type="text/event-stream")


async def _stream(request: Request, service: Service, wanted: Wanted, last_id: str | None) -> AsyncIterator[bytes]:
    hub = service.live
    async with hub.subscribe() as listener:
        yield f"retry: {RETRY_MS}\n".encode() + _message("hello", {"version": version("cim")})
        for event in hub.since(last_id):
            if shown := await _shown(service, wanted, event):
                yield _message(event.kind, shown, hub.event_id(event))
        while True:
            try:
                event_or_end = await asyncio.wait_for(listener.queue.get(), HEARTBEAT_S)
            except TimeoutError:
                if not await _is_still_admitted(request, service):
                    return
                yield b": still here\n\n"
                continue
            if event_or_end is None:
                return
            if shown := await _shown(service, wanted, event_or_end):
                yield _message(event_or_end.kind, shown, hub.event_id(event_or_end))


def _message(kind: str, data: object, event_id: str | None = None) -> bytes:
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {kind}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"


async def _shown(service: Service, wanted: Wanted, event: LiveEvent) -> dict[str, Any] | None:
    """Return what a listener may know of a notice and wants to; None for nothing."""
    caller = wanted.caller
    if event.kind == "job":
        return event.data if RANK[caller.role] >= RANK["planner"] else None
    if event.kind == "event":
        return await _events_shown(service, wanted, event.data["events"])
    if event.kind == "track":
        return _units_shown(wanted, event.data["units"])
    name = str(event.data.get("layer")) if event.kind in ("layer", "tiles", "observation") else "models"
    if not await _is_visible(service, wanted, name):
        return None
    if caller.area_code is None or event.kind != "tiles":
        return event.data
    # Where something changed only to who sees all areas.
    return {name: value for name, value in event.data.items() if name != "boxes"}


async def _events_shown(service: Service, wanted: Wanted, events: list[dict[str, Any]]) -> dict[str, Any] | None:
    shown = [
        one for one in events if _is_near(wanted, one) and await _is_visible(service, wanted, str(one.get("layer_id")))
    ]
    return {"events": shown} if shown else None


def _units_shown(wanted: Wanted, units: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not sight.may_see(wanted.caller) or (wanted.layers is not None and sight.LAYER not in wanted.layers):
        return None
    shown = [one for one in units if _is_near(wanted, one)]
    return {"units": shown} if shown else None


def _is_near(wanted: Wanted, one: dict[str, Any]) -> bool:
    """Tell whether something lies in the area of the caller and in the box that is wanted."""
    area, code = wanted.caller.area_code, one.get("area_code")
    if area is not None and code is not None and not code.startswith(area):
        return False
    return wanted.box is None or _is_inside(wanted.box, one)


def _is_inside(box: tuple[float, float, float, float], one: dict[str, Any]) -> bool:
    west, south, east, north = box
    return "lon" in one and west <= one["lon"] <= east and south <= one["lat"] <= north


async def _is_visible(service: Service, wanted: Wanted, layer_id: str) -> bool:
    if wanted.layers is not None and layer_id not in wanted.layers:
        return False
    try:
        await service.versions.rows([layer_id], wanted.caller)
    except NotFound:
        return False
    return True


async def _is_still_admitted(request: Request, service: Service) -> bool:
    """Tell whether the key still holds, as a stream may stay open for days."""
    try:
        access = await authenticate(request.scope, service.keys)
    except CimError:
        return False
    return bool(access.caller == request.scope["state"]["access"].caller)
