"""Server-sent events: what has changed, as it changes (HTML Living Standard, 9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from api.auth import authenticate
from api.dependencies import Host
from api.live import LiveEvent
from api.service import Service
from cim.access import RANK, Caller
from cim.errors import Busy, CimError, NotFound

router = APIRouter(tags=["live"])

HEARTBEAT_S = 15.0
#: The browser's wait before it comes again.
RETRY_MS = 3000
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.get("/live", summary="Stream of changes (text/event-stream)")
async def live(request: Request, service: Host) -> Response:
    """Send 'hello', then 'layer', 'tiles', 'model' and 'job' as they happen, and a comment every 15 s."""
    if service.live.is_full():
        raise Busy("too many event streams are open; close some")
    stream = _stream(request, service, request.headers.get("last-event-id"))
    return StreamingResponse(stream, headers=HEADERS, media_type="text/event-stream")


async def _stream(request: Request, service: Service, last_id: str | None) -> AsyncIterator[bytes]:
    hub = service.live
    caller: Caller = request.scope["state"]["access"].caller
    async with hub.subscribe() as listener:
        yield f"retry: {RETRY_MS}\n".encode() + _message("hello", {"version": version("cim")})
        for event in hub.since(last_id):
            if await _is_visible(service, caller, event):
                yield _message(event.kind, _shown(caller, event), hub.event_id(event))
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
            if await _is_visible(service, caller, event_or_end):
                yield _message(event_or_end.kind, _shown(caller, event_or_end), hub.event_id(event_or_end))


def _message(kind: str, data: object, event_id: str | None = None) -> bytes:
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {kind}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"


async def _is_visible(service: Service, caller: Caller, event: LiveEvent) -> bool:
    """Tell whether a caller may know: of layers and models what may be seen, of jobs who plans and above."""
    if event.kind == "job":
        return RANK[caller.role] >= RANK["planner"]
    name = event.data.get("layer") if event.kind in ("layer", "tiles") else "models"
    try:
        await service.versions.rows([str(name)], caller)
    except NotFound:
        return False
    return True


def _shown(caller: Caller, event: LiveEvent) -> dict[str, Any]:
    """Return what a caller may know of an event: where something changed only to who sees all areas."""
    if caller.area_code is None or event.kind != "tiles":
        return event.data
    return {name: value for name, value in event.data.items() if name != "boxes"}


async def _is_still_admitted(request: Request, service: Service) -> bool:
    """Tell whether the key still holds, as a stream may stay open for days."""
    try:
        access = await authenticate(request.scope, service.keys)
    except CimError:
        return False
    return bool(access.caller == request.scope["state"]["access"].caller)
