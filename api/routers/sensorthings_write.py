"""OGC SensorThings API 1.1 (18-088): entities created, changed and removed; observations in bulk."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import JSON, encode
from api.caching import NO_STORE
from api.dependencies import BaseUrl, Host, Who
from api.json_body import parse_json
from api.problem import answers, problems
from api.service import Service
from cim.access import Caller
from cim.errors import InvalidInput
from layers.live.sensors.address import Address, read_address
from layers.live.sensors.change import change, remove
from layers.live.sensors.create import create
from layers.live.sensors.data_array import EXAMPLE, Sent, read_data_arrays
from layers.live.sensors.post import entity_link, links_of, read_observation, shown_lines, within

router = APIRouter(prefix="/sta/v1.1", tags=["sensorthings"], default_response_class=Response, responses=problems())

ENTITY = {
    "requestBody": {"required": True, "content": {JSON: {"schema": {"type": "object"}}}},
}
ARRAYS = {
    "requestBody": {"required": True, "content": {JSON: {"schema": {"type": "array", "description": EXAMPLE}}}},
}


@router.post(
    "/CreateObservations",
    summary="Observations of many datastreams at once",
    openapi_extra=ARRAYS,
    status_code=201,
    responses=answers(JSON, 201) | problems(413),
)
async def create_observations(request: Request, service: Host, caller: Who, base: BaseUrl) -> Response:
    """Return for each line its link, or 'error' with what is wrong; told again nothing changes."""
    caller.require("push_events")
    body = await request.body()
    sent: Sent = await asyncio.to_thread(lambda: read_data_arrays(parse_json(body, EXAMPLE)))
    unknown = frozenset[int]()
    if len(sent.readings):
        unknown = (await service.observations.take(sent.readings, caller)).unknown
    answer = await asyncio.to_thread(lambda: encode(shown_lines(sent, unknown, f"{base}/sta/v1.1")))
    return Response(answer, 201, NO_STORE, JSON)


@router.post(
    "/{path:path}",
    summary="Create an entity, also with others inside it",
    openapi_extra=ENTITY,
    status_code=201,
    responses=answers(JSON, 201) | problems(404, 409, 413),
)
async def post(path: str, request: Request, service: Host, caller: Who, base: BaseUrl) -> Response:
    """Return 201 and the address of the new entity."""
    caller.require("push_events")
    address = read_address(path)
    said = parse_json(await request.body(), "an entity as a JSON object")
    plural = address.last.entities.plural
    if address.is_one or address.named is not None or address.is_ref:
        raise InvalidInput(f"entities are created in a set, like {plural}")
    number = await _create(service, caller, address, said)
    link = entity_link(f"{base}/sta/v1.1", plural, number)
    return Response(encode(links_of(plural, number, link)), 201, NO_STORE | {"Location": link}, JSON)


@router.patch(
    "/{path:path}", summary="Change fields of an entity", openapi_extra=ENTITY, responses=problems(404, 409, 413)
)
async def patch(path: str, request: Request, service: Host, caller: Who) -> Response:
    """Change the fields that the body names."""
    caller.require("push_events")
    step = read_address(path).last
    said = parse_json(await request.body(), "the fields to change as a JSON object")
    await service.write(change, caller, step, said)
    return Response(status_code=200, headers=NO_STORE)


@router.put(
    "/{path:path}", summary="Replace the fields of an entity", openapi_extra=ENTITY, responses=problems(404, 409, 413)
)
async def put(path: str, request: Request, service: Host, caller: Who) -> Response:
    """Replace all fields by those of the body."""
    caller.require("push_events")
    step = read_address(path).last
    said = parse_json(await request.body(), "an entity as a JSON object")
    await service.write(change, caller, step, said, is_whole=True)
    return Response(status_code=200, headers=NO_STORE)


@router.delete("/{path:path}", summary="Remove an entity", responses=problems(404, 409))
async def delete(path: str, service: Host, caller: Who) -> Response:
    """Remove an entity and what cannot be without it."""
    caller.require("push_events")
    await service.write(remove, caller, read_address(path).last)
    return Response(status_code=200, headers=NO_STORE)


async def _create(service: Service, caller: Caller, address: Address, said: Any) -> str:
    links = within(address)
    plain = read_observation(said, links) if address.last.entities.plural == "Observations" else None
    if plain is None:
        return await service.write(create, caller, address.last.entities.plural, said, links)
    # Single observations of many requests are written together.
    readings, number = plain
    observed = await service.observations.take(readings, caller)
    if readings.sensor[0] in observed.unknown:
        raise InvalidInput(f"Datastreams({readings.sensor[0]}) is not there; create it first")
    return number
