"""What cameras see over HTTP: a street with a house in it, three cameras, one of them of another area."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
import shapely
from pyproj import Geod, Transformer
from sqlalchemy import Engine, insert, select, text, update

from cim.provenance import touch_layers
from cim.tables import building, camera, camera_viewshed, layer, road

pytestmark = pytest.mark.anyio

Clients = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
TO_DEGREES = Transformer.from_crs(4547, 4490, always_xy=True)
X, Y = 522_000.0, 2_511_000.0


def degrees(east: float, north: float) -> list[float]:
    return [float(part) for part in TO_DEGREES.transform(X + east, Y + north)]


def polygon(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return {"type": "Polygon", "coordinates": [[degrees(*corner) for corner in corners]]}


@pytest.fixture
def street(engine: Engine) -> Engine:
    """Camera A at (0, 0) looks 100 m east; a house 20 m high stands 30 to 40 m before it, 10 m wide; camera B at
    (100, 0) looks back west, as high; camera C, of another area and offline, looks down from the north."""
    places = [
        ("A", 0.0, 0.0, 90.0, 90.0, "440307001", "在线"),
        ("B", 100.0, 0.0, 270.0, 90.0, "440307001", "在线"),
        ("C", 50.0, 60.0, 180.0, 30.0, "440306001", "离线"),
    ]
    with engine.begin() as connection:
        for key, east, north, azimuth, hfov, area, state in places:
            lon, lat = degrees(east, north)
            values = {"layer_id": "cameras", "source_key": key, "name": key, "area_code": area, "state": state,
                      "mount_height_m": 6.0, "azimuth_deg": azimuth, "hfov_deg": hfov, "range_m": 100.0,
                      "geom": f"SRID=4490;POINT({lon} {lat})"}  # fmt: skip
            connection.execute(insert(camera).values(values))
        ring = shapely.Polygon(polygon(30, -5, 40, 5)["coordinates"][0])
        outline = f"SRID=4490;{shapely.MultiPolygon([ring]).wkt}"
        connection.execute(insert(building).values(layer_id="buildings", source_key="H", height_m=20.0, geom=outline))
        line = shapely.MultiLineString([[degrees(-20, 0), degrees(28, 0)], [degrees(42, 0), degrees(150, 0)]])
        connection.execute(insert(road).values(layer_id="roads", source_key="R", geom=f"SRID=4490;{line.wkt}"))
        touch_layers(connection, ["cameras", "buildings", "roads"], "test", None)
    return engine


@pytest.fixture
async def client(clients: Clients, street: Engine) -> AsyncIterator[httpx.AsyncClient]:
    async with clients() as made:
        yield made


def number_of(engine: Engine, key: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(camera.c.id).where(camera.c.source_key == key)).scalar_one())


async def test_a_viewshed_is_made_when_asked_and_kept_until_something_changes(
    client: httpx.AsyncClient, street: Engine
) -> None:
    number = number_of(street, "A")
    answer = await client.get(f"/cameras/{number}/viewshed")
    assert answer.headers["content-type"] == "application/geo+json"
    feature = answer.json()
    properties = feature["properties"]
    quarter = np.pi * 100**2 / 4
    wedge = np.arctan(5 / 30) * 2
    hidden = wedge / 2 * 100**2 - 30 * 10 / 2 - 100
    assert properties["ground_m2"] == pytest.approx(quarter - 100, rel=0.02)
    assert properties["seen_m2"] == pytest.approx(quarter - 100 - hidden, rel=0.03)
    assert properties["share"] == pytest.approx(properties["seen_m2"] / properties["ground_m2"], abs=1e-4)
    assert (properties["cell_m"], properties["terrain"], properties["target_height_m"]) == (1.0, "none", 1.5)
    codes = {note["code"] for note in properties["receipt"]["notes"]}
    assert {"no_terrain", "ground", "no_vertical_field"} <= codes
    assert properties["receipt"]["layers"]["buildings"]["state"] == "data"
    shape = shapely.geometry.shape(feature["geometry"])
    area = abs(Geod(ellps="GRS80").geometry_area_perimeter(shape)[0])
    assert area == pytest.approx(properties["seen_m2"], rel=0.02)
    assert not shapely.contains_xy(shape, *degrees(60, 0))
    again = (await client.get(f"/cameras/{number}/viewshed")).json()["properties"]
    assert again["computed_at"] == properties["computed_at"]
    with street.begin() as connection:
        connection.execute(update(building).values(height_m=2.0))
    lower = (await client.get(f"/cameras/{number}/viewshed")).json()["properties"]
    assert lower["computed_at"] > properties["computed_at"]
    assert lower["seen_m2"] > properties["seen_m2"]


async def test_another_height_of_target_is_computed_and_not_kept(client: httpx.AsyncClient, street: Engine) -> None:
    number = number_of(street, "A")
    low, high = [
        (await client.get(f"/cameras/{number}/viewshed", params={"height_m": height})).json()["properties"]
        for height in (0, 200)
    ]
    # From 20 m up, where the lines pass over the house, everything is seen.
    assert high["seen_m2"] == high["ground_m2"]
    assert low["seen_m2"] < high["seen_m2"]
    assert (low["target_height_m"], low["computed_at"]) == (0, None)
    with street.connect() as connection:
        assert connection.execute(select(camera_viewshed.c.computed_at)).scalars().all() == [None]


async def test_which_cameras_see_a_place(client: httpx.AsyncClient, street: Engine) -> None:
    async def names(east: float, north: float, **more: Any) -> list[str]:
        lon, lat = degrees(east, north)
        found = await client.get("/cameras/seeing", params={"lon": lon, "lat": lat} | more)
        return [entry["name"] for entry in found.json()["cameras"]]

    assert await names(15, 0) == ["A"]  # B's line ends at the house, C's sector does not reach
    assert await names(60, 0) == ["B", "C"]
    assert await names(60, 0, offline=False) == ["B"]
    assert await names(60, 0, height_m=40) == ["B", "A", "C"]  # over the house
    assert await names(60, 0, height_m=40, limit=1) == ["B"]
    # on the house's walls, ten metres up: each is seen from its side only; C looks along the eastern one
    assert await names(30.2, 0, height_m=10) == ["A"]
    assert await names(39.8, 0, height_m=10) == ["B", "C"]
    assert await names(35, 0, height_m=10) == []
    lon, lat = degrees(15, 0)
    [entry] = (await client.get("/cameras/seeing", params={"lon": lon, "lat": lat})).json()["cameras"]
    bearing, _, distance = Geod(ellps="GRS80").inv(*degrees(0, 0), lon, lat)
    assert entry["distance_m"] == pytest.approx(distance, abs=0.01)
    assert entry["bearing_deg"] == pytest.approx(bearing, abs=0.01)


async def test_how_much_of_a_line_or_zone_is_seen(client: httpx.AsyncClient) -> None:
    line = {"type": "LineString", "coordinates": [degrees(-50, 0), degrees(150, 0)]}
    answer = (await client.post("/cameras/seeing", json=line)).json()
    # A sees 30 m up to the house, B 60 m up to it from the other side, C is offline
    assert answer["length_m"] == pytest.approx(200, abs=0.2)
    assert [(entry["name"], round(entry["seen_m"])) for entry in answer["cameras"]] == [("B", 60), ("A", 30)]
    assert answer["seen_m"] == pytest.approx(90, abs=2)
    assert [entry["name"] for entry in answer["left_out"]] == ["C"]
    zone = {"geometry": polygon(45, -5, 55, 5), "offline": True}
    answer = (await client.post("/cameras/seeing", json=zone)).json()
    assert [entry["name"] for entry in answer["cameras"]] == ["B", "C"]
    assert [entry["seen_m2"] for entry in answer["cameras"]] == pytest.approx([100, 100], abs=1)
    # together they see no more than there is
    assert answer["share"] == pytest.approx(1.0, abs=0.01)
    higher = (await client.post("/cameras/seeing", json=zone | {"height_m": 60})).json()
    assert {entry["name"] for entry in higher["cameras"]} == {"A", "B", "C"}


async def test_blind_spots_are_what_no_camera_sees(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/cameras/blind-spots", json=polygon(-50, -20, 20, 20))).json()
    properties = answer["properties"]
    # A sees a triangle of 90 degrees and 20 m in height; B, from 80 m and more, the rest but for the house's shadow
    shape = shapely.geometry.shape(answer["geometry"])
    assert properties["open_ground_m2"] == pytest.approx(70 * 40, rel=0.001)
    area = abs(Geod(ellps="GRS80").geometry_area_perimeter(shape)[0])
    assert area == pytest.approx(properties["blind_m2"], rel=1e-3)
    assert properties["blind_share"] == pytest.approx(properties["blind_m2"] / properties["open_ground_m2"], abs=1e-4)
    assert shapely.contains_xy(shape, *degrees(-25, 0))
    assert not shapely.contains_xy(shape, *degrees(15, 0))
    seen_by_a = shapely.Polygon([(0, 0), (100, 100), (100, -100)])
    seen_by_b = shapely.Point(100, 0).buffer(100, quad_segs=90) & shapely.Polygon([(100, 0), (0, 100), (0, -100)])
    behind_the_house = shapely.Polygon([(100, 0), (-20, 10), (-20, -10)])
    expected = shapely.box(-50, -20, 20, 20) - seen_by_a - (seen_by_b - behind_the_house)
    assert properties["blind_m2"] == pytest.approx(expected.area, rel=0.02)
    assert [entry["name"] for entry in properties["offline_left_out"]] == []
    over = {"geometry": polygon(25, -10, 60, 10)}
    without = (await client.post("/cameras/blind-spots", json=over)).json()["properties"]
    with_c = (await client.post("/cameras/blind-spots", json=over | {"offline": True})).json()["properties"]
    assert without["open_ground_m2"] == pytest.approx(35 * 20 - 100, rel=0.002)
    assert [entry["name"] for entry in without["offline_left_out"]] == ["C"]
    assert with_c["blind_m2"] <= without["blind_m2"]


@pytest.mark.parametrize("along", ["roads", "ground"])
async def test_one_more_camera_is_put_where_it_sees_most(client: httpx.AsyncClient, street: Engine, along: str) -> None:
    zone = polygon(-60, -30, -10, 30)
    body = {"geometry": zone, "range_m": 60, "along": along, "candidates": 40, "hfov_deg": 360, "places": 2}
    answer = (await client.post("/cameras/suggest", json=body)).json()
    assert answer["along"] == along
    assert 1 <= answer["tried"] <= answer["candidates"] <= 40
    best = answer["features"][0]["properties"]
    assert answer["blind_m2"] == pytest.approx(50 * 60, rel=0.05)
    gains = [feature["properties"]["gain_m2"] for feature in answer["features"]]
    assert gains == sorted(gains, reverse=True)
    # Nothing stands in the way: whatever lies in range of it is seen.
    x, y = Transformer.from_crs(4490, 4547, always_xy=True).transform(*answer["features"][0]["geometry"]["coordinates"])
    blind = shapely.box(X - 60, Y - 30, X - 10, Y + 30)
    expected = shapely.area(shapely.intersection(blind, shapely.Point(x, y).buffer(60, quad_segs=64)))
    assert best["gain_m2"] == pytest.approx(expected, rel=0.05)
    assert best["azimuth_deg"] is None
    narrow = (await client.post("/cameras/suggest", json=body | {"hfov_deg": 90})).json()["features"][0]["properties"]
    assert narrow["gain_m2"] < best["gain_m2"]
    assert 180 < narrow["azimuth_deg"] < 360 or along == "ground"
    # put there, it sees what was promised
    lon, lat = answer["features"][0]["geometry"]["coordinates"]
    before = (await client.post("/cameras/blind-spots", json=zone)).json()["properties"]["blind_m2"]
    with street.begin() as connection:
        values = {"layer_id": "cameras", "source_key": "N", "mount_height_m": 6.0, "range_m": 60.0,
                  "geom": f"SRID=4490;POINT({lon} {lat})"}  # fmt: skip
        connection.execute(insert(camera).values(values))
    after = (await client.post("/cameras/blind-spots", json=zone)).json()["properties"]["blind_m2"]
    assert before - after == pytest.approx(best["gain_m2"], rel=0.05)


async def test_cameras_of_another_area_or_a_hidden_layer_do_not_exist(
    clients: Clients, street: Engine, make_key: Callable[..., str]
) -> None:
    of_a, of_c = number_of(street, "A"), number_of(street, "C")
    lon, lat = degrees(60, 0)
    async with clients(authorization=f"Bearer {make_key('viewer', '440307')}") as client:
        assert (await client.get(f"/cameras/{of_a}/viewshed")).status_code == 200
        assert (await client.get(f"/cameras/{of_c}/viewshed")).status_code == 404
        found = (await client.get("/cameras/seeing", params={"lon": lon, "lat": lat})).json()
        assert [entry["name"] for entry in found["cameras"]] == ["B"]
        assert "area" in {note["code"] for note in found["receipt"]["notes"]}
        blind = (await client.post("/cameras/blind-spots", json=polygon(25, -10, 60, 10))).json()["properties"]
        assert blind["offline_left_out"] == []
    with street.begin() as connection:
        connection.execute(update(layer).where(layer.c.id == "cameras").values(visibility="planner"))
        touch_layers(connection, ["cameras"], None, None)
    async with clients(authorization=f"Bearer {make_key('viewer')}") as client:
        assert (await client.get(f"/cameras/{of_a}/viewshed")).status_code == 404
        assert (await client.get("/cameras/seeing", params={"lon": lon, "lat": lat})).status_code == 404
        for path in ("seeing", "blind-spots", "suggest"):
            assert (await client.post(f"/cameras/{path}", json=polygon(0, 0, 10, 10))).status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/cameras/999999999/viewshed", 404),
        ("/cameras/x/viewshed", 400),
        ("/cameras/0/viewshed", 400),
        ("/cameras/seeing", 400),
        ("/cameras/seeing?lon=x&lat=1", 400),
        ("/cameras/seeing?lon=nan&lat=1", 400),
        ("/cameras/seeing?lon=500&lat=1", 400),
        ("/cameras/seeing?lon=114&lat=22&height_m=-1", 400),
        ("/cameras/seeing?lon=114&lat=22&height_m=nan", 400),
        ("/cameras/seeing?lon=114&lat=22&limit=0", 400),
    ],
)
async def test_bad_questions_are_problems(client: httpx.AsyncClient, path: str, status: int) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"]


SQUARE = {"type": "Polygon", "coordinates": [[[114, 22], [115, 22], [115, 23], [114, 23], [114, 22]]]}
SMALL = polygon(0, 0, 10, 10)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("seeing", b""),
        ("seeing", b"{"),
        ("seeing", b"null"),
        ("seeing", b'{"geometry": null}'),
        ("seeing", {"type": "Point", "coordinates": [114, 22]}),
        ("seeing", {"type": "LineString", "coordinates": [[114, 22], [116, 22]]}),
        ("seeing", {"type": "LineString", "coordinates": [[114, 22], [114, 22]]}),
        ("seeing", {"type": "LineString", "coordinates": [[114, 22], ["x", 22]]}),
        ("blind-spots", {"type": "LineString", "coordinates": [[114, 22], [114.001, 22]]}),
        ("blind-spots", SQUARE),
        ("blind-spots", {"geometry": SMALL, "offline": "yes"}),
        ("blind-spots", {"geometry": SMALL, "height_m": "high"}),
        ("blind-spots", {"geometry": SMALL, "height_m": -1}),
        ("suggest", SQUARE),
        ("suggest", {"geometry": SMALL, "range_m": 5000}),
        ("suggest", {"geometry": SMALL, "along": "rivers"}),
        ("suggest", {"geometry": SMALL, "candidates": True}),
        ("suggest", {"geometry": SMALL, "mount_height_m": None}),
    ],
)
async def test_bad_bodies_are_problems(client: httpx.AsyncClient, path: str, body: Any) -> None:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    answer = await client.post(f"/cameras/{path}", content=content)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_zone_with_too_many_stale_viewsheds_names_the_command(
    client: httpx.AsyncClient, street: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layers.live.cameras.near.AT_ONCE", 1)
    answer = await client.post("/cameras/blind-spots", json=polygon(-50, -20, 150, 20))
    assert answer.status_code == 422
    assert "cim viewsheds" in answer.json()["detail"]
    with street.connect() as connection:
        assert connection.execute(text("select count(*) from cim.camera_viewshed")).scalar_one() == 0
