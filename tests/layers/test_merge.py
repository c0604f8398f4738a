"""Sources become buildings: matching, merged fields, conflicts, links, and what stays untouched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest
import rasterio
from shapely import Point, Polygon, box
from sqlalchemy import Connection, text

from cim.importing import AfterImport, ImportContext, ImportOptions
from cim.reports import LayerCounts, WriteResult
from cim.settings import Settings
from layers.buildings.merge import merge_after_import
from layers.queries.objects import fields_of

#: Degrees of about one metre at 22.7 N, east and north.
EAST, NORTH = 1 / 102_700, 1 / 110_750
ORIGIN = (114.22, 22.70)


def house(x_m: float, y_m: float, width_m: float = 20, depth_m: float = 10) -> Polygon:
    """A rectangle by metres from the origin."""
    west, south = ORIGIN[0] + x_m * EAST, ORIGIN[1] + y_m * NORTH
    return box(west, south, west + width_m * EAST, south + depth_m * NORTH)


def spot(x_m: float, y_m: float) -> Point:
    return Point(ORIGIN[0] + x_m * EAST, ORIGIN[1] + y_m * NORTH)


class City:
    """Writes sources as an importer does and runs the merge."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self.connection, self.settings = connection, settings

    def dataset(self, name: str, data_date: str | None = None) -> int:
        found = self.connection.execute(
            text(
                "insert into cim.dataset (name, file_name, format, checksum, size_bytes, data_date)"
                " values (:name, :name, 'test', '\\x00', 1, cast(:date as date))"
                " on conflict (name) do update set recorded_at = now() returning id"
            ),
            {"name": name, "date": data_date},
        )
        return int(found.scalar_one())

    def deliver(
        self, name: str, kind: str, sources: Sequence[dict[str, Any]], data_date: str | None = None
    ) -> WriteResult:
        """Write the newest version of a dataset: changed and new rows are written, vanished ones removed."""
        dataset = self.dataset(name, data_date)
        had = self.rows("select 1 from cim.building_source where dataset_id = :d", d=dataset)
        self.connection.execute(
            text("delete from cim.building_source where dataset_id = :d and source_key <> all(:keys)"),
            {"d": dataset, "keys": [source["key"] for source in sources]},
        )
        for source in sources:
            self.connection.execute(
                text(
                    "insert into cim.building_source as s"
                    " (dataset_id, source_key, kind, code, fields, geom, content_hash)"
                    " values (:d, :key, :kind, :code, cast(:fields as jsonb), ST_GeomFromText(:wkt, 4490), :hash)"
                    " on conflict (dataset_id, source_key) do update set"
                    " code = excluded.code, fields = excluded.fields, geom = excluded.geom,"
                    " content_hash = excluded.content_hash, recorded_at = now()"
                    " where s.content_hash <> excluded.content_hash"
                ),
                {
                    "d": dataset,
                    "key": source["key"],
                    "kind": kind,
                    "code": source.get("code"),
                    "fields": orjson.dumps(source.get("fields", {})).decode(),
                    "wkt": source["geom"].wkt if source.get("geom") is not None else None,
                    "hash": repr(source | {"geom": str(source.get("geom"))}),  # the repr of a shape is cut short
                },
            )
        layers = {} if kind == "ifc" else {"buildings": LayerCounts(read=len(sources), added=len(sources))}
        return self.merge(dataset, "ifc" if kind == "ifc" else "vector", layers, {"buildings"} if had else set())

    def merge(
        self, dataset: int, importer: str, layers: dict[str, LayerCounts], previous: set[str] | None = None
    ) -> WriteResult:
        result = WriteResult(layers=layers)
        context = ImportContext(ImportOptions(), self.settings)
        merge_after_import(self.connection, AfterImport(dataset, importer, result, context, previous or set()))
        return result

    def rows(self, statement: str, **values: Any) -> list[Any]:
        return list(self.connection.execute(text(statement), values).mappings())

    def buildings(self) -> list[Any]:
        return self.rows("select * from cim.building order by source_key")

    def home_of(self, kind: str) -> int | None:
        (row,) = self.rows("select building_id from cim.building_source where kind = :kind", kind=kind)
        return row["building_id"]

    def snapshot(self) -> list[Any]:
        return [
            dict(row)
            for table in ("building", "building_source", "conflict", "object_history")
            for row in self.rows(f"select xmin::text, t.* from cim.{table} t order by 2, 3")
        ]


@pytest.fixture
def city(connection: Connection, settings: Settings) -> City:
    return City(connection, settings)


FOOTPRINT = {
    "key": "f1",
    "code": "4403070010010000001",
    "geom": house(0, 0),
    "fields": {"name": "中心大厦", "height_m": 54.0, "storeys_above": 18, "use": "办公"},
}
MODEL = {
    "key": "2O2Fr$t4X7Zf8NOew3FNr2",
    "geom": house(1, 1, 18, 9),
    "fields": {"name": "中心大厦A座", "height_m": 61.0, "storeys_above": 20},
}
REGISTER = {
    "key": "r1",
    "code": "4403070010010000001",
    "geom": spot(10, 5),
    "fields": {"name": "龙岗中心大厦", "storeys_above": 18, "households": 40, "use": "办公"},
}


def test_three_kinds_of_source_make_one_building(city: City) -> None:
    result = city.deliver(
        "footprints",
        "footprint",
        [FOOTPRINT, FOOTPRINT | {"key": "f2", "code": "4403070010010000002", "geom": house(30, 0)}],
    )
    assert result.layers["buildings"].added == 2
    city.deliver("tower.ifc", "ifc", [MODEL])
    city.deliver("register", "register", [REGISTER])
    one, two = city.buildings()
    assert one["source_key"] == "4403070010010000001"
    # ifc > footprint > register for heights, ifc > register > footprint for storeys, register first for names
    assert (one["height_m"], one["storeys_above"], one["name"]) == (61.0, 20, "龙岗中心大厦")
    assert (one["households"], one["use"], one["cim_level"]) == (40, "办公", 4)
    assert one["area_code"] == "440307001001"
    assert (two["height_m"], two["cim_level"]) == (54.0, 3)
    assert one["provenance"]["height_m"]["kind"] == "ifc"
    assert one["provenance"]["height_m"]["dataset"] == "tower.ifc"
    assert one["provenance"]["households"] | {"source_id": 0} == {
        "source_id": 0,
        "dataset": "register",
        "kind": "register",
        "rule": "only",
    }
    assert one["provenance"]["geometry"]["kind"] == "footprint"
    found = city.rows("select * from cim.building_source where building_id = :b", b=one["id"])
    sources = {row["kind"]: row for row in found}
    assert sources["footprint"]["reason"] == {"created": True}
    assert sources["footprint"]["score"] == 1
    # the model lies wholly inside: 162 m2 of 200 m2
    assert sources["ifc"]["reason"]["overlap"] == pytest.approx(1.0, abs=1e-3)
    assert sources["ifc"]["reason"]["iou"] == pytest.approx(0.81, abs=1e-3)
    assert sources["register"]["reason"]["code"] is True
    assert 0.9 < sources["register"]["score"] <= 1


def test_conflicts_are_kept_ranked_and_vanish_when_sources_agree(city: City) -> None:
    city.deliver("footprints", "footprint", [FOOTPRINT])
    city.deliver("tower.ifc", "ifc", [MODEL])
    found = {row["field"]: row for row in city.rows("select * from cim.conflict order by severity desc")}
    assert set(found) == {"height_m", "storeys_above", "name"}
    assert found["height_m"]["severity"] == pytest.approx(7 / 61, abs=1e-3)
    assert found["storeys_above"]["severity"] == pytest.approx(0.1)
    assert sorted(claim["value"] for claim in found["storeys_above"]["claims"]) == [18, 20]
    # 2.0 m of 61 m is within 5 %
    fields = MODEL["fields"] | {"height_m": 56.0, "storeys_above": 18}  # type: ignore[operator]
    city.deliver("tower.ifc", "ifc", [MODEL | {"fields": fields}])
    assert [row["field"] for row in city.rows("select field from cim.conflict")] == ["name"]


def test_a_ruling_wins_and_is_remembered_until_other_values_are_claimed(city: City) -> None:
    city.deliver("footprints", "footprint", [FOOTPRINT])
    city.deliver("tower.ifc", "ifc", [MODEL])
    city.connection.execute(
        text(
            "update cim.conflict set status = 'settled', settled_value = '18', settled_by = 'x'"
            " where field = 'storeys_above'"
        )
    )
    city.deliver("footprints", "footprint", [FOOTPRINT | {"geom": house(0.1, 0)}])
    building = city.buildings()[0]
    assert building["storeys_above"] == 18
    assert building["provenance"]["storeys_above"]["rule"] == "settled"
    assert city.rows("select status from cim.conflict where field = 'storeys_above'")[0]["status"] == "settled"
    fields = MODEL["fields"] | {"storeys_above": 21}  # type: ignore[operator]
    city.deliver("tower.ifc", "ifc", [MODEL | {"fields": fields}])
    assert city.buildings()[0]["storeys_above"] == 21
    assert city.rows("select status from cim.conflict where field = 'storeys_above'")[0]["status"] == "open"


@pytest.mark.parametrize("order", [("f", "i", "r"), ("i", "r", "f"), ("r", "f", "i"), ("r", "i", "f")])
def test_the_order_of_imports_does_not_change_the_building(city: City, order: tuple[str, ...]) -> None:
    deliveries = {
        "f": ("footprints", "footprint", [FOOTPRINT]),
        "i": ("tower.ifc", "ifc", [MODEL]),
        "r": ("register", "register", [REGISTER]),
    }
    for key in order:
        city.deliver(*deliveries[key])
    (building,) = city.buildings()
    assert (building["height_m"], building["storeys_above"], building["name"]) == (61.0, 20, "龙岗中心大厦")
    assert building["provenance"]["geometry"]["kind"] == "footprint"
    assert building["code"] == "4403070010010000001"
    assert len(city.rows("select 1 from cim.building_source where building_id = :b", b=building["id"])) == 3


def test_repeating_an_import_touches_nothing(city: City) -> None:
    for name, kind, sources in (
        ("footprints", "footprint", [FOOTPRINT, {"key": "f9", "geom": house(80, 0)}]),
        ("tower.ifc", "ifc", [MODEL]),
        ("register", "register", [REGISTER]),
    ):
        city.deliver(name, kind, sources)
    before = city.snapshot()
    city.deliver("footprints", "footprint", [FOOTPRINT, {"key": "f9", "geom": house(80, 0)}])
    city.deliver("tower.ifc", "ifc", [MODEL])
    city.deliver("register", "register", [REGISTER])
    assert city.snapshot() == before


def test_only_what_changed_gets_a_history(city: City) -> None:
    others = [{"key": f"o{i}", "geom": house(100 + 30 * i, 0)} for i in range(5)]
    city.deliver("footprints", "footprint", [FOOTPRINT, *others])
    city.connection.commit()
    ids = {row["source_key"]: row["id"] for row in city.buildings()}
    fields = FOOTPRINT["fields"] | {"height_m": 50.0}  # type: ignore[operator]
    city.deliver("footprints", "footprint", [FOOTPRINT | {"fields": fields}, *others])
    assert {row["source_key"]: row["id"] for row in city.buildings()} == ids
    history = city.rows("select id, record from cim.object_history")
    assert [(row["id"], row["record"]["height_m"]) for row in history] == [(ids["4403070010010000001"], 54.0)]


def test_a_removed_source_leaves_the_building_to_the_others(city: City) -> None:
    city.deliver("footprints", "footprint", [FOOTPRINT])
    city.deliver("tower.ifc", "ifc", [MODEL])
    (before,) = city.buildings()
    result = city.deliver("footprints", "footprint", [])
    (building,) = city.buildings()
    assert building["id"] == before["id"]
    assert building["height_m"] == 61.0
    assert fields_of(building["provenance"], building)["geometry"]["kind"] == "ifc"
    assert city.rows("select * from cim.conflict") == []
    assert result.layers["buildings"].read == 0
    city.deliver("tower.ifc", "ifc", [])
    assert city.buildings() == []


def test_a_dataset_written_anew_keeps_its_buildings(city: City) -> None:
    city.deliver("footprints", "footprint", [FOOTPRINT])
    city.deliver("tower.ifc", "ifc", [MODEL])
    (before,) = city.buildings()
    city.connection.execute(text("delete from cim.building_source where kind = 'footprint'"))
    city.deliver("footprints", "footprint", [FOOTPRINT])
    (building,) = city.buildings()
    assert building["id"] == before["id"]
    assert len(city.rows("select 1 from cim.building_source where building_id is not null")) == 2


@pytest.mark.parametrize(("shift_m", "count"), [(0.0, 1), (2.0, 1), (4.0, 1), (7.0, 2), (15.0, 2), (25.0, 2)])
def test_footprints_of_two_datasets_become_one_by_intersection_over_union(
    city: City, shift_m: float, count: int
) -> None:
    # 20 m wide: a shift of s leaves an IoU of (20 - s) / (20 + s): 4 m is 0.67, 7 m is 0.48
    city.deliver("cadastre", "footprint", [{"key": "1", "geom": house(0, 0)}])
    city.deliver("osm", "footprint", [{"key": "way/1", "code": "way/1", "geom": house(shift_m, 0)}])
    assert len(city.buildings()) == count


def test_footprints_of_one_dataset_stay_apart(city: City) -> None:
    city.deliver("a", "footprint", [{"key": "1", "geom": house(0, 0)}])
    twins = [{"key": "1", "geom": house(0, 0)}, {"key": "2", "geom": house(0.2, 0)}]
    city.deliver("b", "footprint", twins)
    assert len(city.buildings()) == 2
    # the better of the twins has joined the building of the other dataset
    joined = city.rows(
        "select source_key from cim.building_source s join cim.dataset d on d.id = s.dataset_id"
        " where d.name = 'b' and building_id = (select building_id from cim.building_source s"
        " join cim.dataset d on d.id = s.dataset_id where d.name = 'a')"
    )
    assert [row["source_key"] for row in joined] == ["1"]


def test_codes_of_one_scheme_that_differ_keep_a_register_row_out(city: City) -> None:
    city.deliver("footprints", "footprint", [FOOTPRINT])
    result = city.deliver("register", "register", [REGISTER | {"code": "4403070010010000077"}])
    assert city.home_of("register") is None
    assert [note.code for note in result.notes] == ["unmatched_register"]
    assert "r1" in result.notes[0].message
    city.deliver("more", "footprint", [{"key": "x", "code": "4403070010010000077", "geom": house(60, 0)}])
    assert city.home_of("register") is not None


def test_a_model_without_footprint_makes_a_building_of_its_own(city: City) -> None:
    city.deliver("footprints", "footprint", [FOOTPRINT])
    result = city.deliver("far.ifc", "ifc", [MODEL | {"geom": house(500, 500)}])
    assert result.layers["buildings"].is_changed
    assert sorted(row["cim_level"] for row in city.buildings()) == [3, 4]


def test_a_large_model_joins_the_footprint_that_it_covers_best(city: City) -> None:
    city.deliver(
        "footprints",
        "footprint",
        [{"key": "small", "geom": house(-6, 0, 5, 10)}, {"key": "large", "geom": house(0, 0, 20, 10)}],
    )
    city.deliver("m.ifc", "ifc", [{"key": "g", "geom": house(-3, 0, 23, 10)}])
    joined = city.rows(
        "select b.source_key from cim.building_source s join cim.building b on b.id = s.building_id"
        " where s.kind = 'ifc'"
    )
    assert [row["source_key"] for row in joined] == ["large"]


def test_objects_learn_their_building(city: City) -> None:
    run = city.connection.execute
    units = city.dataset("units")
    run(
        text(
            "insert into cim.unit (layer_id, dataset_id, source_key, building_code)"
            " values ('units', :d, 'u1', '4403070010010000001'), ('units', :d, 'u2', 'unknown')"
        ),
        {"d": units},
    )
    city.merge(units, "register", {"units": LayerCounts(read=2, added=2)})
    assert city.rows("select 1 from cim.unit where building_id is not null") == []
    city.deliver("footprints", "footprint", [FOOTPRINT])
    model = city.dataset("tower.ifc")
    run(
        text(
            "with m as (insert into cim.model (layer_id, dataset_id, source_key, ifc_schema, status)"
            " values ('models', :d, 'm', 'IFC4', 'placed') returning id), s as ("
            " insert into cim.storey (layer_id, dataset_id, source_key, model_id)"
            " select 'storeys', :d, 's', id from m)"
            " insert into cim.element (layer_id, dataset_id, source_key, model_id, ifc_class)"
            " select 'elements', :d, 'e', id, 'IfcWall' from m"
        ),
        {"d": model},
    )
    city.deliver("tower.ifc", "ifc", [MODEL])
    (building,) = city.buildings()
    for table in ("model", "storey", "element"):
        assert [row["building_id"] for row in city.rows(f"select building_id from cim.{table}")] == [building["id"]]
    linked = city.rows("select source_key, building_id from cim.unit order by 1")
    assert [(row["source_key"], row["building_id"]) for row in linked] == [("u1", building["id"]), ("u2", None)]
    city.deliver("footprints", "footprint", [FOOTPRINT | {"code": "4403070010010000005"}])
    assert city.rows("select 1 from cim.unit where building_id is not null") == []


def test_versions_rise_with_the_change_and_only_then(city: City) -> None:
    result = city.deliver("footprints", "footprint", [FOOTPRINT])
    assert result.layers["buildings"].is_changed
    city.deliver("tower.ifc", "ifc", [MODEL])
    again = city.deliver("tower.ifc", "ifc", [MODEL])
    counts = again.layers["buildings"]
    assert not counts.is_changed
    assert counts.read == counts.added + counts.changed + counts.unchanged + counts.quarantined


def test_many_deliveries_equal_one_independent_matching(city: City) -> None:
    """A street of 60 houses: registers by point, models by overlap; the answer is known by construction."""
    houses = [{"key": f"f{i}", "code": f"4403070010010{i:06d}", "geom": house(25 * i, 0)} for i in range(60)]
    city.deliver("footprints", "footprint", houses)
    # every second row has a wrong-scheme code and must be found by its point
    rows = [
        {
            "key": f"r{i}",
            "code": f"4403070010010{i:06d}" if i % 2 else f"X-{i}",
            "geom": spot(25 * i + 10, 5),
            "fields": {"households": i + 1},
        }
        for i in range(60)
    ]
    city.deliver("register", "register", rows)
    city.deliver("models", "ifc", [{"key": f"m{i}", "geom": house(25 * i + 2, 1, 15, 8)} for i in range(0, 60, 7)])
    pairs = city.rows(
        "select r.source_key as other, f.source_key as footprint from cim.building_source r"
        " join cim.building_source f on f.building_id = r.building_id and f.kind = 'footprint'"
        " where r.kind <> 'footprint'"
    )
    assert len(pairs) == 60 + 9
    assert all(row["other"][1:] == row["footprint"][1:] for row in pairs)
    assert len(city.buildings()) == 60


def test_the_terrain_gives_the_base_where_no_source_does(city: City) -> None:
    """A plane that rises by 100 m a degree eastwards: the height at the middle of each house is known."""
    known = {"key": "k", "geom": house(60, 0), "fields": {"base_height_m": 12.5}}
    city.deliver("footprints", "footprint", [{"key": "f", "geom": house(0, 0)}, known])
    assert [row["base_height_m"] for row in city.buildings()] == [None, 12.5]
    size = 0.0001
    west, north = 114.21, 22.71
    columns = west + size * (np.arange(200) + 0.5)
    folder = city.settings.files / "terrain"
    folder.mkdir(parents=True)
    with rasterio.open(
        folder / "plane.tif", "w", driver="GTiff", width=200, height=200, count=1, dtype="float32",
        crs="EPSG:4490", transform=rasterio.Affine(size, 0, west, 0, -size, north),
    ) as raster:  # fmt: skip
        raster.write(np.tile((columns - 114) * 100, (200, 1)).astype("float32"), 1)
    dataset = city.dataset("plane.tif")
    city.connection.execute(
        text(
            "insert into cim.terrain (layer_id, dataset_id, source_key, file_key, kind, crs, resolution_m, geom) values"
            " ('terrain', :d, 't', 'plane', 'dtm', 'EPSG:4490', 10,"
            " ST_Multi(ST_MakeEnvelope(114.21, 22.69, 114.23, 22.71, 4490)))"
        ),
        {"d": dataset},
    )
    result = city.merge(dataset, "raster", {"terrain": LayerCounts(read=1, added=1)})
    bare, other = city.buildings()
    assert bare["base_height_m"] == pytest.approx((ORIGIN[0] + 10 * EAST - 114) * 100, abs=0.02)
    assert bare["provenance"]["base_height_m"]["rule"] == "terrain"
    assert other["base_height_m"] == 12.5
    assert result.layers["buildings"].changed == 1
