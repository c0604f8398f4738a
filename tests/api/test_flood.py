"""Floods and drains over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import shapely
from sqlalchemy import Engine, insert, update

from cim.importing import ImportContext, ImportOptions, import_paths
from cim.provenance import touch_layers
from cim.settings import Settings
from cim.tables import building, layer
from layers.sources.inp import InpImporter
from layers.sources.raster import RasterImporter
from tests.layers.flood_ground import degrees, shape_at, write
from tests.layers.test_drainage import NET

pytestmark = pytest.mark.anyio

Clients = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def ground(engine: Engine, settings: Settings, tmp_path: Path) -> Engine:
    """A pond of 100 m in a plain at 10 m, with two houses in it, and two drains."""
    heights = np.full((80, 80), 10.0)
    heights[30:50, 30:50] = 5.0
    (tmp_path / "small.inp").write_text(NET)
    context = ImportContext(ImportOptions(), settings)
    [raster] = import_paths(engine, [write(tmp_path / "pond.tif", heights, 5.0)], context, [RasterImporter()])
    context = ImportContext(ImportOptions(crs="EPSG:4547"), settings)
    [drains] = import_paths(engine, [tmp_path / "small.inp"], context, [InpImporter()])
    assert (raster.status, drains.status) == ("imported", "imported")
    with engine.begin() as connection:
        for number, residents in enumerate((2, 20), 1):
            plan = shape_at(shapely.box(180, 150 + number * 20, 190, 160 + number * 20))
            values = {"layer_id": "buildings", "source_key": f"H{number}", "residents": residents,
                      "area_code": f"44030700{number}",
                      "geom": f"SRID=4490;{shapely.MultiPolygon([plan]).wkt}"}  # fmt: skip
            connection.execute(insert(building).values(values))
        touch_layers(connection, ["buildings"], "test", None)
    return engine


@pytest.fixture
async def client(clients: Clients, ground: Engine) -> AsyncIterator[httpx.AsyncClient]:
    async with clients() as made:
        yield made


async def test_a_flood_is_asked_both_ways(client: httpx.AsyncClient) -> None:
    lon, lat = degrees(200, 200)
    answer = await client.get("/terrain/flood", params={"lon": lon, "lat": lat, "level_m": 6.5})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["area_m2"] == pytest.approx(10_000, rel=2e-3)
    assert body["volume_m3"] == pytest.approx(15_000, rel=2e-3)
    assert body["buildings"]["count"] == 2
    assert body["buildings"]["residents"] == 22
    assert {feature["properties"]["depth_from_m"] for feature in body["extent"]["features"]} == {1.0}
    notes = {note["code"]: note for note in body["notes"]}
    assert notes["roads"]["values"] == {"cut_m": 0.3}
    assert str(notes["roads"]["values"]["cut_m"]) in notes["roads"]["message"]
    assert notes["ground"]["wording"] == "flood"
    assert [note for note in body["receipt"]["notes"] if note["code"] in notes] == body["notes"]
    posted = (await client.post("/terrain/flood", json={"from": {"point": [lon, lat]}, "rise_m": 1.5})).json()
    assert posted["volume_m3"] == body["volume_m3"]
    assert posted["receipt"]["hash"] != body["receipt"]["hash"]
    west, south = degrees(150, 200)
    east, north = degrees(250, 150)
    box = f"{west},{south},{east},{north}"
    part = (
        await client.get("/terrain/flood", params={"lon": lon, "lat": north - 1e-5, "rise_m": 1, "bbox": box})
    ).json()
    assert part["area_m2"] == pytest.approx(5_000, rel=0.06)
    assert part["receipt"]["parameters"]["within"]["type"] == "Polygon"


async def test_rain_is_asked_with_a_box(client: httpx.AsyncClient) -> None:
    west, south = degrees(130, 270)
    east, north = degrees(270, 130)
    params: dict[str, Any] = {"rain_mm": 60, "hours": 0.1, "runoff": 1, "bbox": f"{west},{south},{east},{north}"}
    answer = await client.get("/terrain/flood", params=params)
    assert answer.status_code == 200, answer.text
    rain = answer.json()["rain"]
    assert abs(rain["error_percent"]) < 0.1
    assert rain["fallen_m3"] == pytest.approx(140 * 140 * 0.06, rel=0.1)


async def test_callers_see_what_they_may(clients: Clients, ground: Engine, make_key: Callable[..., str]) -> None:
    lon, lat = degrees(200, 200)
    params = {"lon": lon, "lat": lat, "level_m": 6.5}
    expected = {("viewer", None): (2, 20), ("commander", None): (2, 22), ("commander", "440307001"): (1, 2)}
    for (role, area), seen in expected.items():
        key = make_key(role, area)
        async with clients(Authorization=f"Bearer {key}") as client:
            found = (await client.get("/terrain/flood", params=params)).json()["buildings"]
        assert (found["count"], found["residents"]) == seen, (role, area)
    with ground.begin() as connection:
        connection.execute(update(layer).where(layer.c.id == "terrain").values(visibility="planner"))
        touch_layers(connection, ["terrain"], "test", None)
    async with clients(Authorization=f"Bearer {make_key('viewer')}") as client:
        assert (await client.get("/terrain/flood", params=params)).status_code == 404


@pytest.mark.parametrize(
    ("params", "status", "word"),
    [
        ({}, 400, "level_m"),
        ({"lon": 114.2, "level_m": 3}, 400, "from.point"),
        ({"lon": 114.2, "lat": "nan", "level_m": 3}, 400, "lat"),
        ({"lon": 10, "lat": 50, "level_m": 3}, 404, "no raster"),
        ({"lon": 114.2, "lat": 22.7, "level_m": 1e30}, 400, "level_m"),
        ({"rain_mm": 80, "hours": 2}, 400, "within"),
        ({"rain_mm": 80, "hours": 2, "bbox": "-100,-60,100,60"}, 422, "m2"),
        ({"rain_mm": 80, "hours": 2, "bbox": "1,2,3"}, 400, "bbox"),
        ({"rain_mm": 80, "hours": 2, "bbox": "114.2,22.7,114.2,22.7"}, 422, "zone"),
        ({"river": 10**9, "rise_m": 2}, 404, "no river"),
        ({"lon": 114.2, "lat": 22.7, "level_m": 3, "zone": 10**9}, 404, "no zone"),
    ],
)
async def test_bad_input_is_a_problem(
    client: httpx.AsyncClient, params: dict[str, Any], status: int, word: str
) -> None:
    answer = await client.get("/terrain/flood", params=params)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert word in answer.json()["detail"]


async def test_a_body_that_is_none_is_a_problem(client: httpx.AsyncClient) -> None:
    for path in ("/terrain/flood", "/networks/drainage/drainage"):
        answer = await client.post(path, content=b"{")
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
        assert (await client.post(path, json=[1])).status_code == 400


async def test_drains_are_run(client: httpx.AsyncClient) -> None:
    answer = await client.get("/networks/drainage/drainage", params={"rain_mm": 60, "hours": 0.5})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["state"], body["nodes"]["flooded"]) == ("computed", 1)
    posted = (await client.post("/networks/drainage/drainage", json={"rain": {"mm": 60, "hours": 0.5}})).json()
    assert posted["nodes"] == body["nodes"]
    assert posted["receipt"]["hash"] == body["receipt"]["hash"]
    [rain] = [note for note in body["receipt"]["notes"] if note["code"] == "rain"]
    assert rain["values"] == {"after_hours": 6.0}
    nowhere = (await client.post("/networks/drainage/drainage", json={"dataset": 10**6})).json()
    assert (nowhere["state"], nowhere["reason_code"]) == ("not_available", "no_model")
    assert (await client.get("/networks/steam/drainage")).status_code == 404
    assert (await client.get("/networks/drainage/drainage", params={"rain_mm": 60})).status_code == 400
