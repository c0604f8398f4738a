"""What lies in a zone, compared with shapely and pyproj object by object; zones that cannot be right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import orjson
import pytest
import shapely
from pyproj import Geod
from shapely import Polygon, box
from sqlalchemy import Connection, text

from cim.access import Caller
from cim.db import copy_rows, make_engine
from cim.errors import CimError, InvalidGeometry, InvalidInput, NotFound, TooLarge
from layers.queries.inventory import take_inventory
from layers.queries.zone import parse_zone

ADMIN = Caller("admin")
GEOD = Geod(ellps="GRS80")
WEST, SOUTH, EAST, NORTH = 114.20, 22.68, 114.24, 22.72


def hexes(geometries: Any) -> Any:
    return shapely.to_wkb(shapely.set_srid(geometries, 4490), hex=True, include_srid=True)


class Town:
    """Random buildings, units, models, elements, pipes, cameras, parking lots and a generic layer."""

    def __init__(self, connection: Connection, seed: int = 7) -> None:
        self.connection = connection
        random = np.random.default_rng(seed)
        self.dataset = connection.execute(
            text(
                "insert into cim.dataset (name, file_name, format, checksum, size_bytes, crs, is_ballpark, data_date)"
                " values ('town', 'town.gpkg', 'GPKG', '\\x00', 1, 'EPSG:4547', true, '2024-01-31') returning id"
            )
        ).scalar_one()
        x, y = random.uniform(WEST, EAST, 2000), random.uniform(SOUTH, NORTH, 2000)
        size = random.uniform(1e-4, 6e-4, (2, 2000))
        self.buildings = shapely.multipolygons(shapely.box(x, y, x + size[0], y + size[1])[:, None])
        self.use = np.array(["住宅", "办公", None], dtype=object)[random.integers(0, 3, 2000)]
        self.households = random.integers(0, 50, 2000).astype(object)
        self.households[::7] = None
        ids = self._add("building", self.buildings, use=self.use, households=self.households)
        self.units_of = random.integers(0, 5, 2000)
        units = np.repeat(ids, self.units_of)
        copy_rows(
            connection,
            "unit",
            ("layer_id", "dataset_id", "source_key", "building_id"),
            [("units", self.dataset, f"u{i}", int(b)) for i, b in enumerate(units)],
        )
        self._add_models(random)
        steps = random.normal(0, 1e-3, (1500, 4, 2)).cumsum(axis=1)
        starts = np.column_stack([random.uniform(WEST, EAST, 1500), random.uniform(SOUTH, NORTH, 1500)])
        self.pipes = shapely.multilinestrings(shapely.linestrings(starts[:, None] + steps)[:, None])
        self.network = np.array(["water", "gas"], dtype=object)[random.integers(0, 2, 1500)]
        self._add("pipe", shapely.force_3d(self.pipes, 3.0), network=self.network)
        self.cameras = shapely.points(random.uniform(WEST, EAST, 1000), random.uniform(SOUTH, NORTH, 1000))
        self._add("camera", self.cameras)
        self.lots = shapely.points(random.uniform(WEST, EAST, 300), random.uniform(SOUTH, NORTH, 300))
        self.capacity = random.integers(10, 400, 300)
        self._add("parking", self.lots, capacity=self.capacity)
        self._add("feature", self.cameras[:400], layer="trees")

    def _add_models(self, random: np.random.Generator) -> None:
        """Add 40 models of 50 elements, every tenth without a place."""
        x, y = random.uniform(WEST, EAST, 40), random.uniform(SOUTH, NORTH, 40)
        models = self._add("model", shapely.multipolygons(shapely.box(x, y, x + 0.003, y + 0.003)[:, None]),
                           ifc_schema=["IFC4"] * 40, status=["placed"] * 40)  # fmt: skip
        west, south = (np.repeat(side, 50) + random.uniform(0, 0.003, 2000) for side in (x, y))
        size = random.uniform(0, 2e-4, (2, 2000))
        self.elements = shapely.box(west, south, west + size[0], south + size[1])
        self.elements[::10] = None
        self.ifc_class = np.array(["IfcWall", "IfcSlab", "IfcDoor"], dtype=object)[random.integers(0, 3, 2000)]
        self.element_ids = np.array(
            self._add("element", self.elements, ifc_class=self.ifc_class, model_id=np.repeat(models, 50))
        )

    def _add(self, table: str, geometries: Any, layer: str | None = None, **columns: Any) -> list[int]:
        layer = layer or {"parking": "parking"}.get(table, f"{table}s")
        self.connection.execute(
            text(
                "insert into cim.layer (id, theme_id, title_zh, title_en, table_name, geometry_type)"
                " values (:id, 'other', '树木', 'Trees', :table, 'point') on conflict do nothing"
            ),
            {"id": layer, "table": table},
        )
        rows = zip(
            *[[v.item() if hasattr(v, "item") else v for v in values] for values in columns.values()], strict=True
        )
        plain = list(rows) or [()] * len(geometries)
        copy_rows(
            self.connection,
            table,
            ("layer_id", "dataset_id", "source_key", "geom", *columns),
            [
                (layer, self.dataset, f"{i}", g, *row)
                for i, (g, row) in enumerate(zip(hexes(geometries), plain, strict=True))
            ],
        )
        found = self.connection.execute(
            text(f"select id from cim.{table} where layer_id = :l order by source_key::int"), {"l": layer}
        )
        return list(found.scalars())


@pytest.fixture(scope="module")
def towns(clone_database: Callable[[], AbstractContextManager[str]]) -> Iterator[Town]:
    with clone_database() as url:
        engine = make_engine(url)
        with engine.begin() as connection:
            made = Town(connection)
            connection.execute(text("analyze"))
        with engine.connect() as connection:
            made.connection = connection
            yield made
        engine.dispose()


@pytest.fixture
def town(towns: Town) -> Town:
    return towns


def star(seed: int, corners: int) -> Polygon:
    """A star-shaped polygon with a hole: never self-crossing, rarely convex."""
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, corners))
    radius = random.uniform(0.004, 0.012, corners)
    center = random.uniform([WEST + 0.01, SOUTH + 0.01], [EAST - 0.01, NORTH - 0.01])
    ring = center + np.column_stack([np.cos(angles), np.sin(angles)]) * radius[:, None]
    polygon = Polygon(ring).difference(shapely.Point(center).buffer(0.002, quad_segs=2))
    return max(shapely.get_parts(polygon), key=lambda part: part.area)


def by_layer(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {layer["id"]: layer for theme in answer["themes"] for layer in theme["layers"]}


def ask(town: Town, zone: Any, caller: Caller = ADMIN, **more: Any) -> dict[str, Any]:
    body = {"geometry": orjson.loads(shapely.to_geojson(zone)), **more}
    return take_inventory(town.connection, parse_zone(body), caller)


@pytest.mark.parametrize(("seed", "corners"), [(1, 5), (2, 12), (3, 40), (4, 90), (5, 900), (6, 4000)])
def test_counts_and_sums_equal_brute_force(town: Town, seed: int, corners: int) -> None:
    zone = star(seed, corners)
    answer = by_layer(ask(town, zone))
    inside = shapely.intersects(town.buildings, zone)
    found = answer["buildings"]
    assert found["count"] == inside.sum() > 0
    parts = shapely.intersection(town.buildings[inside], zone)
    expected = sum(abs(GEOD.geometry_area_perimeter(shapely.orient_polygons(part))[0]) for part in parts)
    assert found["sums"]["area_m2"] == pytest.approx(expected, rel=1e-5)
    known = [number for number in town.households[inside] if number is not None]
    low, missing = sum(known), int(inside.sum()) - len(known)
    assert found["sums"]["households"] == low
    if missing:
        assert found["ranges"]["households"] == {
            "low": low, "high": low + missing * max(known), "known_in": len(known), "of": inside.sum(),
        }  # fmt: skip
    assert found["ranges"]["residents"] == {"low": 0, "high": None, "known_in": 0, "of": inside.sum()}
    assert found["sums"]["units"] == town.units_of[inside].sum() == answer["units"]["count"]
    groups = {group["value"]: group["count"] for group in found["groups"]["values"]}
    assert groups == {use: (town.use[inside] == use).sum() for use in set(town.use[inside])}
    crossed = shapely.intersects(town.pipes, zone)
    assert answer["pipes"]["count"] == crossed.sum() > 0
    length = sum(GEOD.geometry_length(part) for part in shapely.intersection(town.pipes[crossed], zone))
    assert answer["pipes"]["sums"]["length_m"] == pytest.approx(length, rel=1e-5)
    assert answer["cameras"]["count"] == shapely.intersects(town.cameras, zone).sum()
    reached = shapely.intersects(town.elements, zone)
    assert answer["elements"]["count"] == reached.sum() > 0
    classes = {group["value"]: group["count"] for group in answer["elements"]["groups"]["values"]}
    assert classes == dict(zip(*np.unique(town.ifc_class[reached].astype(str), return_counts=True), strict=True))
    assert [item["id"] for item in answer["elements"]["items"]] == town.element_ids[reached][:100].tolist()
    lots = shapely.intersects(town.lots, zone)
    assert answer["parking"]["count"] == lots.sum()
    assert answer["parking"]["sums"]["capacity"] == town.capacity[lots].sum()
    assert answer["trees"]["count"] == shapely.intersects(town.cameras[:400], zone).sum()


def test_counts_are_never_capped_and_lists_are(town: Town) -> None:
    everything = box(WEST - 1, SOUTH - 1, EAST + 1, NORTH + 1)
    answer = by_layer(ask(town, everything, list_limit=7))
    assert answer["buildings"]["count"] == 2000
    assert len(answer["buildings"]["items"]) == 7
    assert answer["buildings"]["more"].startswith("/ogc/collections/buildings/items?bbox=")
    none = by_layer(ask(town, everything, list_limit=0))
    assert none["buildings"]["items"] == []
    assert none["units"]["count"] == town.units_of.sum()
    all_of_them = by_layer(ask(town, everything, list_limit=10000))
    assert len(all_of_them["buildings"]["items"]) == 2000
    assert all_of_them["buildings"]["more"] is None
    first = all_of_them["buildings"]["items"][0]
    assert first["center"] == pytest.approx(list(town.buildings[0].centroid.coords[0]), abs=1e-6)


def test_layers_that_are_asked_for_and_those_that_are_not_there(town: Town) -> None:
    answer = ask(town, star(1, 9), layers=["cameras", "buildings"])
    assert set(by_layer(answer)) == {"cameras", "buildings"}
    # units are counted for the buildings though their layer was not asked for
    assert by_layer(answer)["buildings"]["sums"]["units"] >= 0
    assert answer["total"] == sum(layer["count"] for layer in by_layer(answer).values())
    with pytest.raises(NotFound, match="nonsense"):
        ask(town, star(1, 9), layers=["nonsense"])


def test_the_receipt_names_data_states_and_a_hash_that_repeats(town: Town) -> None:
    zone = star(2, 30)
    first, second = ask(town, zone)["receipt"], ask(town, zone)["receipt"]
    assert first["hash"] == second["hash"]
    assert first["hash"].startswith("sha256:")
    assert ask(town, star(3, 30))["receipt"]["hash"] != first["hash"]
    (dataset,) = first["datasets"]
    assert (dataset["name"], dataset["version_date"], dataset["ballpark"]) == ("town", "2024-01-31", True)
    assert dataset["age_days"] > 600
    assert first["layers"]["buildings"]["state"] == "data"
    assert first["layers"]["rivers"]["state"] == "no_data"
    notes = {note["code"]: note.get("values") for note in first["notes"]}
    assert {"ballpark", "no_data", "membership"} <= notes.keys()
    assert notes["stale"] == {"days": 365, "datasets": ["town"]}
    assert "rivers" in notes["no_data"]["layers"]
    far = ask(town, box(10, 50, 10.01, 50.01))
    assert far["total"] == 0
    assert far["receipt"]["layers"]["buildings"]["state"] == "empty"
    assert far["receipt"]["datasets"] == []


def test_a_zone_beyond_the_data_gives_a_range(town: Town) -> None:
    west, south, east, north = shapely.total_bounds(town.buildings)
    half = box(west, south, 2 * east - west, north)
    answer = ask(town, half)
    found = by_layer(answer)["buildings"]
    assert found["count"] == 2000
    assert found["ranges"]["count"] == {"low": 2000, "high": 4000, "covered": 0.5}
    [partial] = [note for note in answer["receipt"]["notes"] if note["code"] == "partial"]
    assert "buildings 50%" in partial["message"]
    assert partial["values"]["shares"]["buildings"] == 0.5
    inside = ask(town, box(west + 0.001, south + 0.001, east - 0.001, north - 0.001))
    assert "count" not in by_layer(inside)["buildings"].get("ranges", {})
    # cameras stand where somebody put them
    assert "ranges" not in by_layer(answer)["cameras"]


def test_hidden_layers_and_other_areas_are_not_counted(town: Town) -> None:
    everything = box(WEST - 1, SOUTH - 1, EAST + 1, NORTH + 1)
    connection = town.connection
    with connection.begin_nested() as savepoint:
        connection.execute(text("update cim.layer set visibility = 'commander' where id = 'cameras'"))
        connection.execute(text("update cim.parking set area_code = '440307001' where source_key::int < 100"))
        connection.execute(text("update cim.parking set area_code = '440307002' where source_key::int >= 100"))
        viewer = by_layer(ask(town, everything, Caller("viewer", "440307001")))
        assert "cameras" not in viewer
        assert viewer["parking"]["count"] == 100
        with pytest.raises(NotFound):
            ask(town, everything, Caller("viewer"), layers=["cameras"])
        savepoint.rollback()


SQUARE = [[114.0, 22.0], [114.1, 22.0], [114.1, 22.1], [114.0, 22.1], [114.0, 22.0]]
INSIDE = [[114.04, 22.04], [114.06, 22.04], [114.06, 22.06], [114.04, 22.06], [114.04, 22.04]]


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (None, InvalidInput, "not an object"),
        ([], InvalidInput, "not an object"),
        ({}, InvalidGeometry, "Polygon"),
        ({"geometry": None}, InvalidGeometry, "no geometry"),
        ({"type": "Point", "coordinates": [1, 2]}, InvalidGeometry, "Point"),
        ({"type": "Polygon"}, InvalidGeometry, "empty"),
        (polygon(), InvalidGeometry, "no rings"),
        (polygon([]), InvalidGeometry, "0 positions"),
        (polygon("abc"), InvalidGeometry, "rings"),
        (polygon([[0, 0], [1, 1], [0, 0]]), InvalidGeometry, "3 positions"),
        (polygon(SQUARE[:-1]), InvalidGeometry, "114 22 and ends at 114 22.1"),
        (polygon([[114, 22], [114.1, 22.1], [114.1, 22], [114, 22.1], [114, 22]]), InvalidGeometry, "114.05 22.05"),
        (polygon([[y, x] for x, y in SQUARE]), InvalidGeometry, "swapped"),
        (polygon([[p[0] * 4000, p[1] * 100000] for p in SQUARE]), InvalidGeometry, "metres"),
        (polygon([[114, 22], [114.1, 22], [None, 22.1], [114, 22]]), InvalidGeometry, "position 2"),
        (polygon([[114, 22], [float("nan"), 22], [114.1, 22.1], [114, 22]]), InvalidGeometry, "position 1"),
        (polygon([[114, 22], [10**400, 22], [114.1, 22.1], [114, 22]]), InvalidGeometry, "position 1"),
        (polygon([[114, 22], ["114", 22], [114.1, 22.1], [114, 22]]), InvalidGeometry, "position 1"),
        (polygon([[114, 22], [True, 22], [114.1, 22.1], [114, 22]]), InvalidGeometry, "position 1"),
        (polygon([[114, 22], [114.1, 22], [114.2, 22], [114, 22]]), InvalidGeometry, "not valid|measures"),
        (polygon(SQUARE, [[115, 23], [116, 23], [116, 24], [115, 23]]), InvalidGeometry, "not valid"),
        (polygon([[-170, -80], [170, -80], [170, 80], [-170, 80], [-170, -80]]), InvalidGeometry, "measures"),
        ({"type": "FeatureCollection", "features": []}, InvalidGeometry, "0 features"),
        ({"geometry": polygon(SQUARE), "layers": "buildings"}, InvalidInput, "layers"),
        ({"geometry": polygon(SQUARE), "layers": ["a;drop"]}, InvalidInput, "a;drop"),
        ({"geometry": polygon(SQUARE), "list_limit": -1}, InvalidInput, "list_limit"),
        ({"geometry": polygon(SQUARE), "list_limit": True}, InvalidInput, "list_limit"),
        ({"geometry": polygon(SQUARE), "list_limit": 10001}, InvalidInput, "10000"),
    ],
)
def test_zones_that_cannot_be_right_are_named(body: Any, error: type[CimError], words: str) -> None:
    with pytest.raises(error, match=words):
        parse_zone(body)


def test_too_many_vertices_are_refused_before_they_are_read() -> None:
    with pytest.raises(TooLarge, match=r"100002 .*100000"):
        parse_zone(polygon([[0, 0]] * 100_002))


@pytest.mark.parametrize(
    "body",
    [
        polygon(SQUARE),
        polygon(SQUARE, INSIDE),
        {"type": "MultiPolygon", "coordinates": [[SQUARE]]},
        {"type": "Feature", "properties": {}, "geometry": polygon(SQUARE)},
        {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": polygon(SQUARE)}]},
        {"geometry": {"type": "Feature", "geometry": polygon(SQUARE)}, "layers": None},
        polygon([[*p, 12.0] for p in SQUARE]),
    ],
)
def test_zones_in_every_usual_form_are_taken(body: Any) -> None:
    request = parse_zone(body)
    hole = 0.02 * 0.02 if len(body.get("coordinates", [])) == 2 else 0
    assert request.geometry.area == pytest.approx(0.01 - hole)
    assert request.list_limit == 100
    assert request.layers is None
