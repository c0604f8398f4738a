"""OGC API - Features, part 1 (OGC 17-069r4): the landing page, what is conformed to, the collections."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.answers import json_answer
from api.dependencies import BaseUrl, Host, Who
from api.ogc_parameters import only
from cim.access import Caller
from cim.errors import NotFound
from layers.catalogue import LayerRow, get_layer, list_layers
from layers.queries.items import queryables

router = APIRouter(prefix="/ogc", tags=["ogc"], dependencies=[Depends(only("f"))])

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
#: Only what is met in full; the service's description is OpenAPI 3.1, so that the class 'oas30' is not claimed.
CONFORMS_TO = [
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables-query-parameters",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
    "http://www.opengis.net/spec/cql2/1.0/conf/advanced-comparison-operators",
    "http://www.opengis.net/spec/cql2/1.0/conf/case-insensitive-comparison",
]
#: What the catalogue says of a layer beyond the standard's own members.
_METADATA = ("theme", "owner", "date", "licence", "source", "accuracy_m", "is_ballpark", "vertical_crs", "fields",
             "min_zoom", "max_zoom", "style", "visibility", "geometry_type")  # fmt: skip
GEOJSON = "application/geo+json"
SCHEMA_JSON = "application/schema+json"


@router.get("/", summary="Landing page")
async def landing(request: Request, base_url: BaseUrl) -> Response:
    """Return the links to everything else."""
    links = [
        _link(base_url, "/ogc/", "self", "application/json", "This document"),
        _link(base_url, "/api/openapi.json", "service-desc", "application/vnd.oai.openapi+json;version=3.1", "API"),
        _link(base_url, "/api/docs", "service-doc", "text/html", "API documentation"),
        _link(base_url, "/ogc/conformance", "conformance", "application/json", "Conformance classes"),
        _link(base_url, "/ogc/collections", "data", "application/json", "Collections"),
    ]
    body = {"title": "城市信息模型 / City information model", "description": "Layers of the city", "links": links}
    return json_answer(request, body)


@router.get("/conformance", summary="Conformance classes")
async def conformance(request: Request) -> Response:
    """Return the classes that are met."""
    return json_answer(request, {"conformsTo": CONFORMS_TO})


@router.get("/collections", summary="All layers that have features")
async def collections(request: Request, service: Host, caller: Who, base_url: BaseUrl) -> Response:
    """Return the collections."""
    layers = [row for row in await service.read(list_layers, caller) if _has_features(row)]
    links = [
        _link(base_url, "/ogc/collections", "self", "application/json", "This document"),
        _link(base_url, "/ogc/", "parent", "application/json", "Landing page"),
    ]
    return json_answer(request, {"collections": [_collection(base_url, row) for row in layers], "links": links})


@router.get("/collections/{layer}", summary="One layer")
async def collection(request: Request, layer: str, service: Host, caller: Who, base_url: BaseUrl) -> Response:
    """Return one collection."""
    found = [row for row in await service.read(list_layers, caller) if row["id"] == layer and _has_features(row)]
    if not found:
        raise NotFound(
            f"there is no collection '{layer[:100]}'; /ogc/collections lists those that you may see",
            "no_such_layer", layer=layer[:100],
        )  # fmt: skip
    return json_answer(request, _collection(base_url, found[0]))


@router.get("/collections/{layer}/queryables", summary="What the items of a layer can be filtered by")
async def show_queryables(request: Request, layer: str, service: Host, caller: Who, base_url: BaseUrl) -> Response:
    """Return a JSON schema."""
    schema = queryables(await service.read(get_collection, layer, caller))
    schema["$id"] = f"{base_url}/ogc/collections/{layer}/queryables"
    return json_answer(request, schema, media_type=SCHEMA_JSON)


def get_collection(connection: Connection, layer: str, caller: Caller) -> LayerRow:
    """Return the row of a layer that has features (raises NotFound)."""
    row = get_layer(connection, layer, caller)
    if row.geometry_type == "raster":
        raise NotFound(
            f"the layer '{layer}' is a raster and has no features; see /terrain.json",
            "layer_without_objects", layer=layer,
        )  # fmt: skip
    return row


def _has_features(row: dict[str, Any]) -> bool:
    return bool(row["geometry_type"] != "raster")


def _collection(base_url: str, row: dict[str, Any]) -> dict[str, Any]:
    path = f"/ogc/collections/{row['id']}"
    body: dict[str, Any] = {
        "id": row["id"],
        "title": f"{row['title']['zh']} / {row['title']['en']}",
        "description": f"{row['theme']['title']['zh']} / {row['theme']['title']['en']}",
        "itemType": "feature",
        "crs": [CRS84],
        "source_crs": row["crs"],
        "links": [
            _link(base_url, path, "self", "application/json", "This collection"),
            _link(base_url, f"{path}/items", "items", GEOJSON, "Items"),
            _link(base_url, f"{path}/queryables", "http://www.opengis.net/def/rel/ogc/1.0/queryables", SCHEMA_JSON,
                  "Queryables"),
        ],
    }  # fmt: skip
    body |= {name: row[name] for name in _METADATA}
    if row["bounds"]:
        body["extent"] = {"spatial": {"bbox": [row["bounds"]], "crs": CRS84}}
    if row["licence"] and str(row["licence"]).startswith("http"):
        body["links"].append({"href": row["licence"], "rel": "license"})
    return body


def _link(base_url: str, path: str, rel: str, media_type: str, title: str) -> dict[str, str]:
    return {"href": base_url + path, "rel": rel, "type": media_type, "title": title}
