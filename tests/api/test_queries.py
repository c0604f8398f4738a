"""Objects, search, zone inventory and OGC API - Features over HTTP, on three known buildings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import jsonschema
import orjson
import pytest
from sqlalchemy import Engine

pytestmark = pytest.mark.anyio

Clients = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
TWO = {"type": "Polygon",
       "coordinates": [[[114.2195, 22.6995], [114.2220, 22.6995], [114.2220, 22.7010], [114.2195, 22.7010],
                        [114.2195, 22.6995]]]}  # fmt: skip


@pytest.fixture
async def client(clients: Clients, city: Engine) -> AsyncIterator[httpx.AsyncClient]:
    async with clients() as made:
        yield made


async def found_ids(client: httpx.AsyncClient, layer: str) -> list[int]:
    return [item["id"] for item in (await client.get(f"/ogc/collections/{layer}/items")).json()["features"]]


def layer_of(answer: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for theme in answer["themes"] for row in theme["layers"] if row["id"] == name)
    return found


async def test_an_inventory_counts_what_is_inside(client: httpx.AsyncClient) -> None:
    feature = {"type": "Feature", "properties": {}, "geometry": TWO}
    for body in (TWO, feature, {"geometry": TWO}, {"geometry": TWO, "layers": ["buildings"], "list_limit": 1}):
        answer = await client.post("/query/inventory", json=body)
        assert answer.status_code == 200, answer.text
        buildings = layer_of(answer.json(), "buildings")
        assert buildings["count"] == 2
    assert len(buildings["items"]) == 1
    receipt = answer.json()["receipt"]
    assert receipt["hash"].startswith("sha256:")
    wordings = {note["code"]: note.get("wording") for note in receipt["notes"]}
    assert (wordings["membership"], wordings["clipped"]) == ("touching", None)


CROSSED = {
    "type": "Polygon",
    "coordinates": [[[114.2, 22.7], [114.3, 22.8], [114.3, 22.7], [114.2, 22.8], [114.2, 22.7]]],
}
FAR = {"type": "Polygon", "coordinates": [[[1140, 22.7], [1141, 22.8], [1140, 22.8], [1140, 22.7]]]}
MANY = {"type": "Polygon", "coordinates": [[[114 + n / 1e6, 22.7] for n in range(100_500)] + [[114, 22.7]]]}
BAD_ZONES = [b"", b"{", b"null", b"[]", b"3", b"[" * 5000 + b"]" * 5000, b'{"geometry": null}', b'{"type": "Polygon"}',
             b'{"type": "Point", "coordinates": [1, 2]}', b'{"type": "Polygon", "coordinates": [[[NaN, 1]]]}',
             b'{"type": "Polygon", "coordinates": ' + b"[" * 900 + b"]" * 900 + b"}",
             orjson.dumps(CROSSED), orjson.dumps(FAR), orjson.dumps(MANY),
             orjson.dumps({"geometry": TWO, "layers": "x"}),
             orjson.dumps({"geometry": TWO, "list_limit": -1}),
             orjson.dumps({"geometry": TWO, "list_limit": 10**30 % 2**64}),
             orjson.dumps({"geometry": TWO, "layers": ["\x00"]}), b"\xff" * 1000]  # fmt: skip


async def test_a_bad_zone_is_explained(client: httpx.AsyncClient) -> None:
    for body in BAD_ZONES:
        answer = await client.post("/query/inventory", content=body)
        assert answer.status_code in (400, 422), (body[:80], answer.status_code, answer.text[:300])
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]
    crossed = await client.post("/query/inventory", json=CROSSED)
    assert "114.25" in crossed.json()["detail"], "the place of the crossing is named"


async def test_search_finds_by_name_and_refuses_odd_questions(client: httpx.AsyncClient) -> None:
    for address in ("/search?q=龙城1号楼", "/search?q=%E9%BE%99%E5%9F%8E1%E5%8F%B7%E6%A5%BC", "/search?q=440307001"):
        results = (await client.get(address)).json()["results"]
        assert results[0]["name"] == "龙城1号楼", address
    for query in ("", "q=", "q=a&limit=0", "q=a&limit=x", "q=a&limit=" + "9" * 50, "q=a&bbox=1,2,3", "q=a&bbox=a,b,c,d",
                  "q=a&bbox=nan,1,2,3", "q=a&bbox=1,2,3,inf", "q=a&layers=,", "q=" + "a" * 300, "q=%00"):  # fmt: skip
        assert (await client.get("/search?" + query)).status_code == 400, query
    for text in ("'", '"', "%25", "_", "\\", "';drop table building;--", "((", "🏙", "\u202e", "a b c d e f g"):
        assert (await client.get("/search", params={"q": text})).status_code == 200, text


async def test_an_object_and_its_dossier_are_had_by_id(client: httpx.AsyncClient) -> None:
    for number in await found_ids(client, "buildings"):
        shown = (await client.get(f"/objects/{number}")).json()
        assert shown["id"] == number
        assert shown["layer"] == "buildings"
        dossier = (await client.get(f"/buildings/{number}/dossier")).json()
        assert dossier["building"]["name"] == shown["name"]
    road = (await found_ids(client, "roads"))[0]
    for path in (f"/buildings/{road}/dossier", "/objects/1000000000", f"/objects/{2**63 - 1}"):
        assert (await client.get(path)).status_code == 404, path
    for path in (
        "/objects/0",
        "/objects/-1",
        "/objects/x",
        f"/objects/{2**63}",
        "/objects/1.5",
        "/objects/" + "9" * 99,
    ):
        assert (await client.get(path)).status_code == 400, path


async def test_what_a_role_may_not_see_does_not_exist_for_it(
    clients: Clients, city: Engine, make_key: Callable[..., str]
) -> None:
    planner, viewer = make_key("planner"), make_key("viewer")
    async with clients(base_url="http://map.example", authorization=f"Bearer {planner}") as other:
        camera = (await found_ids(other, "cameras"))[0]
        assert (await other.get(f"/objects/{camera}")).status_code == 200
        other.headers["Authorization"] = f"Bearer {viewer}"
        for path in (f"/objects/{camera}", "/ogc/collections/cameras", "/ogc/collections/cameras/items",
                     f"/ogc/collections/cameras/items/{camera}", "/ogc/collections/cameras/queryables",
                     f"/ogc/collections/buildings/items/{camera}", "/styles/cameras.json"):  # fmt: skip
            assert (await other.get(path)).status_code == 404, path
        assert (await other.get("/search?q=44030700001320000001")).json()["results"] == []
        inventory = (await other.post("/query/inventory", json=TWO)).json()
        assert "cameras" not in [row["id"] for theme in inventory["themes"] for row in theme["layers"]]


async def test_collections_page_by_links_and_hold_every_item_once(client: httpx.AsyncClient) -> None:
    seen: list[int] = []
    address: str | None = "/ogc/collections/buildings/items?limit=1&f=json"
    while address:
        page = (await client.get(address)).json()
        assert page["type"] == "FeatureCollection"
        assert page["numberReturned"] == len(page["features"]) == 1
        seen += [item["id"] for item in page["features"]]
        links = {link["rel"]: link["href"] for link in page["links"]}
        address = links.get("next")
    assert len(seen) == len(set(seen)) == 3


async def test_items_are_filtered_by_box_and_by_queryables(client: httpx.AsyncClient) -> None:
    async def count(query: str) -> int:
        answer = await client.get("/ogc/collections/buildings/items?" + query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/geo+json"
        return len(answer.json()["features"])

    assert await count("bbox=114.2195,22.6995,114.2220,22.7010") == 2
    assert await count("bbox=114.2195,22.6995,0,114.2220,22.7010,100") == 2
    assert await count("use=医院") == 1
    assert await count("use=住宅&bbox=114.2195,22.6995,114.2207,22.7010") == 1
    assert await count("datetime=2025-01-01T00:00:00Z/..") == 3
    assert await count("limit=1000000000000") == 3


async def test_unknown_and_odd_parameters_of_collections_are_400(client: httpx.AsyncClient) -> None:
    for query in ("foo=1", "limit=0", "limit=-1", "limit=x", "bbox=1,2,3", "bbox=3,4,1,2", "bbox=nan,1,2,3", "cursor=x",
                  "cursor=-1", "cursor=" + "9" * 30, "f=html", "f=json&f=json", "datetime=yesterday", "datetime=../..x",
                  "datetime=2025-13-01T00:00:00Z", "datetime=2025-02-01T00:00:00Z/2025-01-01T00:00:00Z",
                  "height_m=high", "use=a&use=b", "bbox=200,0,201,1"):  # fmt: skip
        answer = await client.get("/ogc/collections/buildings/items?" + query)
        assert answer.status_code == 400, (query, answer.text[:200])
    for path in ("/ogc/?x=1", "/ogc/conformance?x=1", "/ogc/collections?limit=1", "/ogc/collections/buildings?x=1"):
        assert (await client.get(path)).status_code == 400, path
    for path in ("/ogc/collections/nope", "/ogc/collections/nope/items", "/ogc/collections/terrain/items",
                 "/ogc/collections/buildings/items/0", "/ogc/collections/buildings/items/x",
                 "/ogc/collections/buildings/items/" + "9" * 99, "/ogc/collections/..%2f/items"):  # fmt: skip
        assert (await client.get(path)).status_code == 404, path


async def test_every_link_of_the_ogc_pages_leads_somewhere(client: httpx.AsyncClient) -> None:
    todo, done = ["http://localhost:8000/ogc/"], set()
    while todo:
        address = todo.pop()
        if address in done:
            continue
        done.add(address)
        answer = await client.get(address)
        # Without the viewer's build the API's page says so with 503.
        assert answer.status_code == 200 or address.endswith("/api/docs"), address
        if "/ogc/" in address and "json" in answer.headers["content-type"]:
            body = answer.json()
            links = [*body.get("links", []), *(link for one in body.get("collections", []) for link in one["links"])]
            todo += [link["href"] for link in links if link["href"].startswith("http://localhost:8000/")]
    assert len(done) > 30


async def test_queryables_are_a_valid_schema_that_names_the_fields(client: httpx.AsyncClient) -> None:
    answer = await client.get("/ogc/collections/buildings/queryables")
    assert answer.headers["content-type"] == "application/schema+json"
    schema = answer.json()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert {"name", "use", "height_m"} <= set(schema["properties"])
    assert schema["$id"] == "http://localhost:8000/ogc/collections/buildings/queryables"


async def test_the_description_names_every_address(client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    expected = {"/healthz", "/readyz", "/metrics", "/session", "/api/config", "/api/layers", "/api/models",
                "/styles/{name}.json", "/tiles/{layers}.json", "/tiles/{layers}/{z}/{x}/{y}.mvt", "/terrain.json",
                "/terrain/{z}/{x}/{y}.png", "/3d/models/{model}/tileset.json", "/objects/{id}",
                "/buildings/{id}/dossier", "/search", "/query/inventory", "/ogc/", "/ogc/collections/{layer}/items",
                "/live"}  # fmt: skip
    assert expected <= set(document["paths"])


async def test_buildings_are_counted_by_cells(client: httpx.AsyncClient) -> None:
    answer = await client.post("/query/aggregate", json={"layer": "buildings", "grid": "beidou", "level": 5})
    assert answer.status_code == 200, answer.text
    assert sorted(cell["properties"]["count"] for cell in answer.json()["features"]) == [1, 1, 1]
    inside = {"layer": "buildings", "grid": "h3", "level": 7, "geometry": TWO}
    cells = (await client.post("/query/aggregate", json=inside)).json()["features"]
    assert sum(cell["properties"]["count"] for cell in cells) == 2


@pytest.mark.parametrize(
    "body",
    [{}, [], {"layer": "buildings"}, {"layer": "buildings", "grid": "x", "level": 4},
     {"layer": "buildings", "grid": "h3", "level": True}, {"layer": 3, "grid": "h3", "level": 4},
     {"layer": "buildings", "grid": "h3", "level": 4, "sum": "psets"}, {"layer": "nope", "grid": "h3", "level": 4},
     {"layer": "buildings", "grid": "h3", "level": 4, "geometry": CROSSED}],
)  # fmt: skip
async def test_bad_aggregates_are_refused(client: httpx.AsyncClient, body: Any) -> None:
    answer = await client.post("/query/aggregate", json=body)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["detail"]


async def test_items_are_filtered_by_cql2(client: httpx.AsyncClient) -> None:
    url = "/ogc/collections/buildings/items"
    everything = (await client.get(url)).json()["features"]
    heights = sorted(item["properties"]["height_m"] for item in everything)
    asked = {"filter": f"height_m >= {heights[1]}", "filter-lang": "cql2-text", "limit": "1"}
    first = (await client.get(url, params=asked)).json()
    assert first["numberReturned"] == 1
    following = next(link["href"] for link in first["links"] if link["rel"] == "next")
    second = (await client.get(following)).json()
    found = [item["properties"]["height_m"] for page in (first, second) for item in page["features"]]
    assert sorted(found) == [height for height in heights if height >= heights[1]][:2]
    wrong = await client.get(url, params={"filter": "height_m >> 3"})
    assert (wrong.status_code, "character" in wrong.json()["detail"]) == (400, True)
    assert (await client.get(url, params={"filter": "name = 'x'", "filter-lang": "cql2-json"})).status_code == 400
