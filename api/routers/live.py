"""Server-sent events: what has changed, as it changes (HTML Living Standard, 9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated, Any

import orjson
import shapely
from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from api.auth import authenticate
from api.dependencies import LARGEST_ID, Host
from api.live import LiveEvent
from api.parameters import parse_box, parse_layers
from api.problem import answers, problems
from api.service import Service
from cim.access import RANK, Caller
from cim.errors import Busy, CimError, InvalidInput, NotFound
from layers.live.tracks import sight
from layers.queries.visible import visible_layers
from layers.zones.shape import zone_shape

router = APIRouter(tags=["live"], default_response_class=Response)

HEARTBEAT_S = 15.0
#: The browser's wait before it comes again.
RETRY_MS = 3000
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True)
class Wanted:
    """What a listener wants to hear: of some layers (None: all that it may see).

    ``box`` (degrees) and ``zone`` (EPSG:4490): of events and units within it only.
    """

    caller: Caller
    layers: frozenset[str] | None = None
    box: tuple[float, float, float, float] | None = None
    zone: shapely.Geometry | None = None


@router.get(
    "/live", summary="Stream of changes (text/event-stream)", responses=answers("text/event-stream") | problems(404)
)
async def live(
    request: Request,
    service: Host,
    layers: Annotated[str | None, Query(max_length=2000, description="Only of these layers, by commas")] = None,
    bbox: Annotated[
        str | None, Query(max_length=200, description="Events and units within west,south,east,north only")
    ] = None,
    themes: Annotated[str | None, Query(max_length=2000, description="Only of the layers of these themes")] = None,
    zone: Annotated[
        int | None, Query(ge=1, le=LARGEST_ID, description="Events and units within this zone only")
    ] = None,
) -> Response:
    """Send 'hello', then 'layer', 'tiles', 'event', 'track', 'model' and 'job' as they happen; a comment every 15 s."""
    if service.live.is_full():
        raise Busy("too many event streams are open; close some", "too_many_streams")
    caller = request.scope["state"]["access"].caller
    wanted = Wanted(
        caller, await _layers_wanted(service, caller, parse_layers(layers), parse_layers(themes)), parse_box(bbox),
        None if zone is None else await _zone_wanted(service, zone, caller),
    )  # fmt: skip
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


async def _layers_wanted(
    service: Service, caller: Caller, names: list[str] | None, themes: list[str] | None
) -> frozenset[str] | None:
    if themes is None:
        return frozenset(names) if names else None
    found = await service.read(visible_layers, caller)
    unknown = set(themes) - {layer.theme_id for layer in found}
    if unknown:
        raise InvalidInput(
            f"there is no theme '{min(unknown)[:80]}'; /api/layers names the theme of each layer",
            "no_such_theme", given=min(unknown)[:80],
        )  # fmt: skip
    return frozenset(layer.id for layer in found if layer.theme_id in themes) | frozenset(names or ())


async def _zone_wanted(service: Service, zone_id: int, caller: Caller) -> shapely.Geometry:
    shape = await service.read(zone_shape, zone_id, caller)
    shapely.prepare(shape)
    return shape


def _message(kind: str, data: object, event_id: str | None = None) -> bytes:
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {kind}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"


async def _shown(service: Service, wanted: Wanted, event: LiveEvent) -> dict[str, Any] | None:
    """Return what a listener may know of a notice and wants to; None for nothing."""
    caller = wanted.caller
    if event.kind == "job":
        # Its file may be of anywhere.
        return event.data if RANK[caller.role] >= RANK["planner"] and caller.area_code is None else None
    if event.kind == "event":
        return await _events_shown(service, wanted, event.data["events"])
    if event.kind == "track":
        return _units_shown(wanted, event.data["units"])
    if event.kind == "incident":
        near = [one for one in event.data["incidents"] if _is_near(wanted, one)] if wanted.layers is None else []
        return {"incidents": near} if near else None
    name = str(event.data.get("layer")) if event.kind in ("layer", "tiles", "observation") else "models"
    if not await _is_visible(service, wanted, name):
        return None
    if caller.area_code is None:
        return event.data
    # Where something changed only to who sees all areas.
    return {name: None if name == "bounds" else value for name, value in event.data.items() if name != "boxes"}


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
    """Tell whether something lies in the area of the caller and in the box and the zone that are wanted."""
    area, code = wanted.caller.area_code, one.get("area_code")
    if area is not None and code is not None and not code.startswith(area):
        return False
    if wanted.box is not None and not _is_inside(wanted.box, one):
        return False
    return wanted.zone is None or ("lon" in one and bool(shapely.contains_xy(wanted.zone, one["lon"], one["lat"])))


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
