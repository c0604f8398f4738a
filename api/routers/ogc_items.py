"""OGC API - Features, part 1: the items of a collection, page by page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.answers import GEOJSON, tagged_answer
from api.dependencies import AsOf, BaseUrl, Host, Who
from api.ogc_parameters import (
    check_filter_language,
    check_names,
    parse_asof,
    parse_cursor,
    parse_datetime,
    parse_limit,
)
from api.routers.ogc import get_collection
from cim.bbox import parse_bbox
from cim.errors import NotFound
from layers.queries.items import DEFAULT_LIMIT, ItemsQuery, get_item, list_items

router = APIRouter(prefix="/ogc/collections", tags=["ogc"])

KNOWN = {"asof", "bbox", "limit", "cursor", "datetime", "f", "filter", "filter-lang", "filter-crs"}

Text = Annotated[str | None, Query(max_length=200)]


@router.get("/{layer}/items", summary="Items of a layer; filter with bbox and any queryable")
async def items(
    request: Request,
    layer: str,
    service: Host,
    caller: Who,
    base_url: BaseUrl,
    bbox: Annotated[str | None, Query(max_length=200, description="west,south,east,north in degrees")] = None,
    limit: Annotated[str | None, Query(max_length=40, description="Size of a page, 1 to 10000")] = None,
    cursor: Text = None,
    datetime: Annotated[str | None, Query(max_length=200, description="When it was so in the world")] = None,
    asof: AsOf = None,
    f: Text = None,
    filter: Annotated[
        str | None,
        Query(
            description="CQL2 text, e.g. IfcWall AND psets.Pset_WallCommon.IsExternal = true; "
            "a class finds its kinds as well"
        ),
    ] = None,
    filter_lang: Annotated[str | None, Query(alias="filter-lang", description="cql2-text")] = None,
) -> Response:
    """Return a GeoJSON FeatureCollection with a link to the next page."""
    check_filter_language(filter_lang, request.query_params.get("filter-crs"))
    row = await service.read(get_collection, layer, caller)
    check_names(request, KNOWN | set(row.fields))
    filters = {name: value for name, value in request.query_params.items() if name not in KNOWN}
    query = ItemsQuery(
        parse_bbox(bbox),
        parse_limit(limit, DEFAULT_LIMIT),
        parse_cursor(cursor),
        filters,
        filter,
        asof=parse_asof(asof),
        valid=parse_datetime(datetime),
    )
    page = await service.query(list_items, row, query, caller)
    path = f"{base_url}/ogc/collections/{layer}"
    links = [_link(str(request.url), "self", GEOJSON), _link(path, "collection", "application/json")]
    if page.next_cursor is not None:
        links.append(_link(_next(path, request, page.next_cursor), "next", GEOJSON))
    head = {"type": "FeatureCollection", "timeStamp": _now(), "numberReturned": page.number_returned, "links": links}
    # The features come as bytes from the database and go out as they are.
    body = orjson.dumps(head)[:-1] + b',"features":' + page.body + b"}"
    return Response(body, headers={"Cache-Control": "private, no-cache"}, media_type=GEOJSON)


@router.get("/{layer}/items/{id}", summary="One item of a layer")
async def item(
    request: Request, layer: str, id: str, service: Host, caller: Who, base_url: BaseUrl, asof: AsOf = None
) -> Response:
    """Return a GeoJSON Feature."""
    check_names(request, {"asof", "f"})
    row = await service.read(get_collection, layer, caller)
    if not (id.isascii() and id.isdigit() and len(id) <= 19):
        raise NotFound(
            f"the layer '{layer}' has no item '{id[:40]}'; ids are whole numbers",
            "no_such_item", layer=layer, id=id[:40],
        )  # fmt: skip
    body = await service.read(get_item, row, int(id), caller, parse_asof(asof))
    path = f"{base_url}/ogc/collections/{layer}"
    links: list[dict[str, Any]] = [
        _link(f"{path}/items/{id}", "self", GEOJSON),
        _link(path, "collection", "application/json"),
        _link(f"{base_url}/objects/{id}", "alternate", "application/json"),
    ]
    return tagged_answer(request, body.rstrip()[:-1] + b',"links":' + orjson.dumps(links) + b"}", GEOJSON)


def _next(path: str, request: Request, cursor: int) -> str:
    parameters = {**request.query_params, "cursor": cursor}
    return f"{path}/items?{urlencode(parameters)}"


def _link(href: str, rel: str, media_type: str) -> dict[str, str]:
    return {"href": href, "rel": rel, "type": media_type}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
