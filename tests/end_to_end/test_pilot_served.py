"""The imported pilot district as clients get it: models as 3D Tiles, tiles, and a zone counted by brute force."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import mapbox_vector_tile
import morecantile
import pytest
import shapely

if TYPE_CHECKING:
    from conftest import Pilot

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

#: about 2 km2 in the middle of the district, longitude and latitude
ZONE = [[114.2102, 22.6941], [114.2251, 22.6932], [114.2283, 22.7004], [114.2241, 22.7067], [114.2121, 22.7061]]


async def _json(client: httpx.AsyncClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status_code == 200, (path, answer.text)
    return answer.json()


def _contents(tile: dict[str, Any]) -> list[str]:
    found = [tile["content"]["uri"]] if "content" in tile else []
    return found + [uri for child in tile.get("children", []) for uri in _contents(child)]


async def test_every_model_is_served_as_3d_tiles(client: httpx.AsyncClient, pilot: Pilot) -> None:
    models = (await _json(client, "/api/models"))["models"]
    imported = {
        name for name, report in pilot.reports.items() if name.startswith("ifc/") and report.status == "imported"
    }
    assert len(models) >= len(imported) > 4
    for model in models:
        tileset = await _json(client, model["tileset"])
        assert tileset["asset"]["version"] == "1.1"
        uris = _contents(tileset["root"])
        assert uris
        body = (await client.get(str(httpx.URL("http://localhost:8000" + model["tileset"]).join(uris[0])))).content
        magic, version, length = struct.unpack("<4sII", body[:12])
        assert (magic, version, length) == (b"glTF", 2, len(body))


async def test_a_tile_holds_the_buildings_that_lie_in_it(client: httpx.AsyncClient, pilot: Pilot) -> None:
    tile = morecantile.tms.get("WebMercatorQuad").tile(114.2181, 22.7, 16)
    answer = await client.get(f"/tiles/buildings/16/{tile.x}/{tile.y}.mvt")
    assert answer.status_code == 200
    found = {feature["id"] for feature in mapbox_vector_tile.decode(answer.content)["buildings"]["features"]}
    bounds = morecantile.tms.get("WebMercatorQuad").xy_bounds(tile)
    margin = (bounds.right - bounds.left) * 64 / 4096
    box = shapely.box(bounds.left - margin, bounds.bottom - margin, bounds.right + margin, bounds.top + margin)
    rows = pilot.rows("select id, encode(ST_AsBinary(geom_3857), 'hex') as shape from cim.building")
    shapes = shapely.from_wkb([row.shape for row in rows])
    expected = {row.id for row, meets in zip(rows, shapely.intersects(box, shapes), strict=True) if meets}
    assert len(expected) > 20
    # a corner that touches the margin may fall to either side of the tile's grid
    inner = shapely.intersects(box.buffer(-1), shapes)
    surely = {row.id for row, meets in zip(rows, inner, strict=True) if meets}
    assert surely <= found <= expected


async def test_a_zone_counts_what_shapely_counts(client: httpx.AsyncClient, pilot: Pilot) -> None:
    polygon = {"type": "Polygon", "coordinates": [[*ZONE, ZONE[0]]]}
    answer = await client.post("/query/inventory", json={"geometry": polygon, "list_limit": 5})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    counts = {layer["id"]: layer["count"] for theme in body["themes"] for layer in theme["layers"]}
    zone = shapely.Polygon(ZONE)
    shapely.prepare(zone)
    tables = {"buildings": "building", "pipes": "pipe", "pipe_nodes": "pipe_node", "roads": "road", "cameras": "camera",
              "sensors": "sensor", "events": "event", "parking": "parking", "resources": "resource",
              "elements": "element"}  # fmt: skip
    read: Callable[[str], list[Any]] = lambda table: pilot.rows(  # noqa: E731
        f"select encode(ST_AsBinary(geom), 'hex') as shape from cim.{table} where geom is not null"
    )
    for layer, table in tables.items():
        shapes = shapely.force_2d(shapely.from_wkb([row.shape for row in read(table)]))
        assert counts.get(layer, 0) == int(shapely.intersects(zone, shapes).sum()), layer
    assert counts["buildings"] > 300
    units = pilot.rows(
        "select count(*) from cim.unit u join cim.building b on b.id = u.building_id"
        " where ST_Intersects(b.geom, ST_GeomFromText(:zone, 4490))",
        zone=zone.wkt,
    )
    assert counts["units"] == units[0][0]
    assert body["area_m2"] == pytest.approx(2.0e6, rel=0.15)
    assert body["receipt"]["hash"].startswith("sha256:")


async def test_an_object_a_dossier_and_a_search_find_each_other(client: httpx.AsyncClient, pilot: Pilot) -> None:
    code = next(code for code, entry in pilot.truth["buildings"].items() if entry["ifc"] == "tower_12")
    results = (await _json(client, f"/search?q={code}"))["results"]
    assert results[0]["layer"] == "buildings"
    dossier = await _json(client, f"/buildings/{results[0]['id']}/dossier")
    assert {source["kind"] for source in dossier["sources"]} == {"footprint", "register", "ifc"}
    assert [conflict["field"] for conflict in dossier["conflicts"] if conflict["field"] == "storeys_above"]
    assert dossier["models"][0]["tileset"]
    thing = await _json(client, f"/objects/{results[0]['id']}")
    assert thing["provenance"]["dataset"]["crs"] == "EPSG:4547"
