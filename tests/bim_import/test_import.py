from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, func, select, text

from cim.crs import from_geographic
from cim.reports import ImportReport
from cim.tables import building_source, element, mesh, mesh_instance, model, space, storey

Run = Callable[..., ImportReport]
House = Callable[..., Any]


def world_corners(connection: Connection, name: str) -> np.ndarray:
    """All vertices of an element on the map: mesh -> model -> metric system, as a viewer does it."""
    row = connection.execute(
        select(mesh.c.positions, mesh_instance.c.placement, model.c.placement)
        .join(mesh_instance, mesh_instance.c.mesh_hash == mesh.c.hash)
        .join(element, (element.c.id == mesh_instance.c.element_id) & (mesh_instance.c.element_table == "element"))
        .join(model, model.c.id == element.c.model_id)
        .where(element.c.name == name)
    ).one()
    points = np.frombuffer(row[0], "<f4").reshape(-1, 3).astype(float)
    instance = np.array(row[1]).reshape(3, 4)
    placement = np.array(row[2]).reshape(4, 4)
    local = points @ instance[:, :3].T + instance[:, 3]
    return local @ placement[:3, :3].T + placement[:3, 3]


@pytest.mark.parametrize(("schema", "unit_m"), [("IFC4", 1.0), ("IFC4", 0.001), ("IFC4X3", 0.001)])
def test_a_wall_stands_where_it_was_computed_by_hand(
    run_import: Run, engine: Engine, make_house: House, tmp_path: Path, schema: str, unit_m: float
) -> None:
    report = run_import(make_house(schema, unit_m).write(tmp_path / "house.ifc"))
    assert report.status == "imported", report.error
    with engine.connect() as connection:
        corners = world_corners(connection, "wall 2")
        cosine, sine = math.cos(math.radians(30)), math.sin(math.radians(30))
        # The wall of 2F: 10 m along local x, 0.3 m along y, from 3.0 to 5.8 m above 50 m.
        for x, y in ((0, 0), (10, 0), (10, 0.3), (0, 0.3)):
            east, north = 522000 + x * cosine - y * sine, 2512000 + x * sine + y * cosine
            for height in (53.0, 55.8):
                gap = np.linalg.norm(corners - [east, north, height], axis=1).min()
                assert gap < 0.001, (x, y, height, gap)
        # Its envelope on the ground is that rectangle, in degrees.
        shape = connection.execute(
            select(func.ST_AsText(element.c.geom), element.c.min_height_m, element.c.max_height_m).where(
                element.c.name == "wall 2"
            )
        ).one()
        ring = [tuple(map(float, pair.split())) for pair in shape[0][len("POLYGON((") : -2].split(",")]
        east, north = from_geographic("EPSG:4547").points(*np.array(ring).T)
        expected = {(round(522000 + 10 * cosine, 3), round(2512000 + 10 * sine, 3)), (522000.0, 2512000.0)}
        assert expected <= {(round(float(e), 3), round(float(n), 3)) for e, n in zip(east, north, strict=True)}
        assert shape[1:] == (53.0, 55.8)


def test_storeys_spaces_and_the_building(run_import: Run, engine: Engine, make_house: House, tmp_path: Path) -> None:
    run_import(make_house().write(tmp_path / "house.ifc"))
    with engine.connect() as connection:
        rows = connection.execute(
            select(
                storey.c.name, storey.c.number, storey.c.base_height_m, storey.c.height_m, storey.c.area_m2
            ).order_by(storey.c.elevation_m)
        ).all()
        assert [tuple(row[:4]) for row in rows] == [
            ("B1", -1, 47.0, 3.0), ("1F", 1, 50.0, 3.0), ("2F", 2, 53.0, 3.0), ("Roof", 3, 56.0, 1.2),
        ]  # fmt: skip
        assert [row.area_m2 for row in rows] == pytest.approx([60.0] * 4, rel=2e-4)  # the projection's scale is 1.00002
        spaces = connection.execute(
            select(space.c.name, space.c.floor_area_m2, space.c.volume_m3, space.c.height_m, storey.c.name)
            .join(storey, storey.c.id == space.c.storey_id)
            .order_by(space.c.name)
        ).all()
        assert [(row[0], row[4]) for row in spaces] == [("100", "B1"), ("101", "1F"), ("102", "2F")]
        for row in spaces:
            assert row[1:4] == pytest.approx((57.0, 57.0 * 2.8, 2.8), abs=1e-3)
        source = connection.execute(select(building_source)).one()
        assert source.fields == {
            "name": "试验楼", "code": "440307000001", "address": "龙城街道1号", "storeys_above": 2, "storeys_below": 1,
            "height_m": 6.2, "base_height_m": 50.0,
        }  # fmt: skip
        footprint = connection.scalar(select(func.ST_Area(func.Geography(building_source.c.geom))))
        assert footprint == pytest.approx(60.0, rel=2e-4)


def test_false_and_zero_are_values(run_import: Run, engine: Engine, make_house: House, tmp_path: Path) -> None:
    run_import(make_house().write(tmp_path / "house.ifc"))
    with engine.connect() as connection:
        psets = connection.scalar(select(element.c.psets).where(element.c.name == "wall 0"))
    assert psets["Pset_WallCommon"] == {"IsExternal": True, "LoadBearing": False, "ThermalTransmittance": 0.0}


def test_openings_are_cut_and_counted_but_no_objects(
    run_import: Run, engine: Engine, make_house: House, tmp_path: Path
) -> None:
    run_import(make_house().write(tmp_path / "house.ifc"))
    with engine.connect() as connection:
        positions, triangles = connection.execute(
            select(mesh.c.positions, mesh.c.triangles)
            .join(mesh_instance, mesh_instance.c.mesh_hash == mesh.c.hash)
            .join(element, element.c.id == mesh_instance.c.element_id)
            .where(element.c.name == "wall 1")
        ).one()
        points = np.frombuffer(positions, "<f4").reshape(-1, 3).astype(float)
        corners = points[np.frombuffer(triangles, "<u4").reshape(-1, 3)]
        volume = np.linalg.det(corners).sum() / 6
        assert volume == pytest.approx(10 * 0.3 * 2.8 - 2 * 0.3 * 1.5, abs=1e-4)
        counts = connection.scalar(select(model.c.attributes))["counts"]
        assert counts == {"products": 20, "elements": 8, "spaces": 3, "storeys": 4, "structure": 2, "openings": 3}
        assert set(connection.scalars(select(element.c.ifc_class))) == {"IfcWall", "IfcSlab"}


def test_one_wall_ten_times_is_one_mesh(run_import: Run, engine: Engine, author: Any, tmp_path: Path) -> None:
    made = author()
    made.georeference(522000.0, 2512000.0, 0.0, 0.0, 1.0)
    ground = made.storey("1F", 0.0)
    for index in range(10):
        made.product("IfcWall", ground, (index * 1.7, index * 0.3, 0, index * 11.0), (4, 0.2, 3), Name=f"w{index}")
    run_import(made.write(tmp_path / "walls.ifc"))
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(mesh)) == 1
        assert connection.scalar(select(func.count()).select_from(mesh_instance)) == 10
        corners = world_corners(connection, "w3")
    angle = math.radians(33)
    end = [522000 + 5.1 + 4 * math.cos(angle), 2512000 + 0.9 + 4 * math.sin(angle), 3.0]
    assert np.linalg.norm(corners - end, axis=1).min() < 0.001


def state(engine: Engine) -> dict[str, Any]:
    """Ids, versions and contents of all that an import writes."""
    with engine.connect() as connection:
        return {
            table: connection.execute(text(f"select id, recorded_at::text from cim.{table} order by id")).all()
            for table in ("model", "storey", "space", "element", "building_source")
        } | {"instances": connection.execute(text("select id from cim.mesh_instance order by id")).all()}


def test_importing_twice_changes_nothing(run_import: Run, engine: Engine, make_house: House, tmp_path: Path) -> None:
    path = make_house().write(tmp_path / "house.ifc")
    first = run_import(path)
    before = state(engine)
    assert run_import(path).status == "unchanged"
    with path.open("a") as handle:  # another checksum, the same content
        handle.write("\n")
    again = run_import(path)
    assert again.status == "imported"
    for layer, counts in first.layers.items():
        assert again.layers[layer].unchanged == counts.read == counts.added, layer
    assert state(engine) == before


def test_a_newer_version_is_a_difference(run_import: Run, engine: Engine, make_house: House, tmp_path: Path) -> None:
    path = make_house().write(tmp_path / "house.ifc")
    run_import(path)
    before = state(engine)
    newer = make_house()
    walls = newer.file.by_type("IfcWall")
    walls[0].Name = "renamed"
    slab = newer.file.by_type("IfcSlab")[0]
    slab.Representation = newer.box(10, 6, 0.25)
    newer.file.remove(newer.file.by_type("IfcSpace")[2])
    newer.write(path)
    report = run_import(path)
    elements, spaces = report.layers["elements"], report.layers["spaces"]
    assert (elements.added, elements.changed, elements.removed) == (0, 2, 0)
    assert (spaces.added, spaces.changed, spaces.removed) == (0, 0, 1)
    after = state(engine)
    assert [row[0] for row in after["element"]] == [row[0] for row in before["element"]]
    assert len(set(after["element"]) & set(before["element"])) == 6
    with engine.connect() as connection:
        unused = text(
            "select count(*) from cim.mesh m where not exists (select from cim.mesh_instance where mesh_hash = hash)"
        )
        assert connection.scalar(unused) == 0
        assert connection.scalar(select(func.count()).select_from(mesh_instance)) == 10


def test_repeated_global_ids_are_kept_and_named(
    run_import: Run, engine: Engine, make_house: House, tmp_path: Path
) -> None:
    made = make_house()
    first, second = made.file.by_type("IfcWall")[:2]
    second.GlobalId = first.GlobalId
    report = run_import(made.write(tmp_path / "twins.ifc"))
    assert report.layers["elements"].added == 8
    (note,) = [note for note in report.notes if note.code == "duplicate_global_id"]
    assert first.GlobalId in note.message
    with engine.connect() as connection:
        keys = set(connection.scalars(select(element.c.source_key).where(element.c.global_id == first.GlobalId)))
    assert keys == {first.GlobalId, f"{first.GlobalId}#2"}


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("cut.ifc", lambda body: body[: len(body) * 2 // 3], "cut off"),
        ("text.ifc", lambda _: b"this is no model\n", "not a STEP file"),
        ("dangling.ifc", lambda body: body.replace(b"(#", b"(#99999,#", 1), "99999"),
        ("unknown.ifc", lambda body: body.replace(b"=IFCWALL(", b"=IFCNOWALL(", 1), "broken"),
        ("schema.ifc", lambda body: body.replace(b"'IFC4'", b"'IFC6'"), "IFC6"),
        ("bracket.ifc", lambda body: body.replace(b"=IFCWALL(", b"=IFCWALL((", 1), "ENDSEC"),
        ("string.ifc", lambda body: body.replace(b"=IFCWALL('", b"=IFCWALL(", 1), "not readable"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_and_leave_nothing(
    run_import: Run, engine: Engine, make_house: House, tmp_path: Path, name: str, damage: Any, said: str
) -> None:
    path = make_house().write(tmp_path / name)
    path.write_bytes(damage(path.read_bytes()))
    report = run_import(path)
    assert report.status == "refused"
    assert name in str(report.error)
    assert said in str(report.error)
    with engine.connect() as connection:
        assert connection.scalar(text("select count(*) from cim.dataset")) == 0
        assert connection.scalar(select(func.count()).select_from(element)) == 0


def test_a_file_without_products_is_refused(run_import: Run, author: Any, tmp_path: Path) -> None:
    made = author()
    for product in made.file.by_type("IfcProduct"):
        made.file.remove(product)
    report = run_import(made.write(tmp_path / "empty.ifc"))
    assert report.status == "refused"
    assert "no product" in str(report.error)
