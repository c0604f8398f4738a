"""OGC SensorThings API 1.1 (18-088): entities read."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import JSON, encode
from api.caching import NO_STORE
from api.dependencies import BaseUrl, Host, Who
from api.problem import answers, problems
from layers.live.sensors.address import read_address
from layers.live.sensors.answer import collection, conformance, entity
from layers.live.sensors.options import MOST_SKIPPED, MOST_TOP, read_options

router = APIRouter(prefix="/sta/v1.1", tags=["sensorthings"], default_response_class=Response, responses=problems())

#: Read by hand: their names begin with a sign that no parameter can have.
OPTIONS = {
    "parameters": [
        {"name": name, "in": "query", "schema": {"type": kind}, "description": told}
        for name, kind, told in (
            ("$filter", "string", "OData, like result gt 3"),
            ("$expand", "string", "Links, by commas; options in brackets, by semicolons"),
            ("$select", "string", "Properties, by commas"),
            ("$orderby", "string", "Properties, each with asc or desc"),
            ("$top", "integer", f"Entities at most, up to {MOST_TOP}"),
            ("$skip", "integer", f"Entities left out at the begin, up to {MOST_SKIPPED}"),
            ("$count", "boolean", "Whether to tell how many there are"),
            ("$resultFormat", "string", "dataArray"),
            ("$skiptoken", "string", "As a link to the next page has it"),
        )
    ]
}
READ: dict[int | str, Any] = {
    200: {"description": "OK", "content": {JSON: {"schema": {}}, "text/plain": {"schema": {"type": "string"}}}}
}


@router.get("", summary="SensorThings: entity sets and what is conformed to", responses=answers(JSON))
@router.get("/", include_in_schema=False)
async def root(base: BaseUrl) -> Response:
    """Return the addresses of the entity sets, and the requirements that are met."""
    return Response(encode(conformance(f"{base}/sta/v1.1")), headers=NO_STORE, media_type=JSON)


@router.get(
    "/{path:path}",
    summary="Entities, one entity, or a property of it",
    openapi_extra=OPTIONS,
    responses=READ | problems(404),
)
async def read(path: str, request: Request, service: Host, caller: Who, base: BaseUrl) -> Response:
    """Return what an address names, with $filter, $expand, $select, $orderby, $top, $skip and $count."""
    address = read_address(path)
    asked = query_of(request)
    options = read_options(asked)
    link = f"{base}/sta/v1.1"
    if address.is_one:
        found = await service.read(entity, caller, address, options, link)
        if address.is_value:
            return Response(_plain(found), headers=NO_STORE, media_type="text/plain; charset=utf-8")
    else:
        found = await service.read(collection, caller, address, options, link, asked=asked, path=path)
    return Response(encode(found), headers=NO_STORE, media_type=JSON)


def query_of(request: Request) -> list[tuple[str, str]]:
    """Return the options of an address; a plus sign is one, as times and OData have it, and a blank is %20."""
    text = request.scope["query_string"].decode("latin-1")
    pairs = (part.partition("=") for part in text.split("&") if part)
    return [(unquote(name), unquote(_spaced(value))) for name, _, value in pairs]


def _spaced(value: str) -> str:
    # Forms write a blank as '+': it is one where a time's zone does not follow.
    parts = value.split("+")
    found = parts[0]
    for part in parts[1:]:
        is_zone = part[:2].isdigit() and (part[2:3] == ":" or part[2:5].upper() == "%3A")
        found += ("%2B" if is_zone else " ") + part
    return found


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else encode(value).decode()
