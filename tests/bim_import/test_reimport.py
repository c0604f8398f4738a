"""A new version of a model: what is the same costs nothing and keeps its id, what differs is told."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import ifcopenshell.guid
import pytest
from sqlalchemy import Connection, Engine, func, select, text

import bim_import.importer as importer_module
from bim_import.geometry_pool import GeometryLimits, GeometryPool
from bim_import.importer import IfcImporter
from cim.commands.differences import find_differences
from cim.importing import ImportContext, ImportOptions, import_paths, silent
from cim.reports import ImportReport
from cim.settings import Settings
from cim.tables import element, mesh, mesh_instance, object_history, shape, space, storey
from cim.versions import objects_as_of, versions_of
from tests import command

Run = Callable[..., ImportReport]
House = Callable[..., Any]


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """STEP ids of the products that went to the geometry workers since the list was last cleared."""
    seen: list[int] = []
    compute = GeometryPool.compute

    def spy(self: GeometryPool, order: Any, tasks: Any, outlined: Any, receive: Any, copies: Any) -> Any:
        seen.extend(product for task in tasks for product in task.products)
        seen.extend(copy for others in copies.values() for copy in others)
        return compute(self, order, tasks, outlined, receive, copies)

    monkeypatch.setattr(GeometryPool, "compute", spy)
    return seen


def renumber(path: Path) -> None:
    """Write a file again as another run of its exporter would: other STEP numbers, another order and another date."""
    head, data, tail = re.split(rb"(?<=DATA;)\n|\n(?=ENDSEC;\nEND-ISO)", path.read_bytes())
    numbers = sorted({int(number) for number in re.findall(rb"#(\d+)", data)})
    shuffled = random.Random(7).sample(range(1000, 1000 + 3 * len(numbers)), len(numbers))
    other = dict(zip(numbers, shuffled, strict=True))
    lines = re.sub(rb"#(\d+)", lambda found: b"#%d" % other[int(found[1])], data).split(b"\n")
    random.Random(7).shuffle(lines)
    head = re.sub(rb"'\d{4}-\d\d-\d\dT[^']*'", b"'2031-01-01T00:00:00'", head)
    path.write_bytes(b"\n".join([head, *lines, tail]))


def drawn(connection: Connection) -> dict[str, Any]:
    """By key: all that an element and a space say and look like, but no ids of the database."""
    found: dict[str, Any] = {}
    for table in (element, space):
        columns = [column for column in table.c if not column.name.endswith("id") and column.name != "recorded_at"]
        query = (
            select(*columns, mesh_instance.c.mesh_hash, mesh_instance.c.placement, mesh_instance.c.materials)
            .outerjoin_from(table, mesh_instance, mesh_instance.c.element_id == table.c.id)
        )  # fmt: skip
        for row in connection.execute(query):
            # the hash of a row covers the ids of what it belongs to
            found[row.source_key] = {key: str(value) for key, value in row._mapping.items() if key != "content_hash"}
    return found


def ids(connection: Connection, table: Any) -> dict[str, int]:
    return {row.source_key: row.id for row in connection.execute(select(table.c.source_key, table.c.id))}


def test_another_export_of_the_same_content_is_not_even_opened(
    run_import: Run,
    engine: Engine,
    make_house: House,
    tmp_path: Path,
    computed: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = make_house().write(tmp_path / "house.ifc")
    first = run_import(path)
    with engine.connect() as connection:
        before = drawn(connection), ids(connection, element)
        history = connection.scalar(select(func.count()).select_from(object_history))
    assert len(computed) == 11
    computed.clear()
    renumber(path)
    monkeypatch.setattr(importer_module, "open_model", lambda *_: pytest.fail("the file was opened"))
    again = run_import(path)
    assert again.status == "imported"
    assert computed == []
    assert {layer: (c.read, c.unchanged) for layer, c in again.layers.items()} == {
        layer: (c.read, c.read) for layer, c in first.layers.items()
    }
    assert again.notes == first.notes
    with engine.connect() as connection:
        assert (drawn(connection), ids(connection, element)) == before
        assert connection.scalar(select(func.count()).select_from(object_history)) == history


def change_nothing(author: Any) -> None:
    author.file.by_type("IfcWall")[0].Name = "another name"


def move_opening(author: Any) -> None:
    opening = author.file.by_type("IfcOpeningElement")[1]
    opening.ObjectPlacement.RelativePlacement.Location.Coordinates = [3.0, -0.1, 1.0]


def move_wall(author: Any) -> None:
    author.file.by_type("IfcWall")[1].ObjectPlacement.RelativePlacement.Location.Coordinates = [0.5, 0.0, 0.0]


def colour_wall(author: Any) -> None:
    new = author.file.create_entity
    shade = new("IfcSurfaceStyleShading", new("IfcColourRgb", None, 1.0, 0.0, 0.25))
    style = new("IfcSurfaceStyle", "red", "BOTH", [shade])
    wall = author.file.by_type("IfcWall")[1]
    new("IfcStyledItem", wall.Representation.Representations[0].Items[0], [style], None)


def material_wall(author: Any) -> None:
    """Colour a wall by its material: nothing of its geometry refers to that."""
    new = author.file.create_entity
    shade = new("IfcSurfaceStyleShading", new("IfcColourRgb", None, 0.0, 1.0, 0.25))
    styled = new("IfcStyledItem", None, [new("IfcSurfaceStyle", "green", "BOTH", [shade])], None)
    material = new("IfcMaterial", "grass")
    picture = new("IfcStyledRepresentation", author.context, "Style", "Material", [styled])
    new("IfcMaterialDefinitionRepresentation", None, None, [picture], material)
    wall = author.file.by_type("IfcWall")[1]
    author.rooted("IfcRelAssociatesMaterial", RelatedObjects=[wall], RelatingMaterial=material)


@pytest.mark.parametrize(
    ("change", "computes"),
    [(change_nothing, 0), (move_opening, 1), (move_wall, 1), (colour_wall, 1), (material_wall, 1)],
)
def test_only_what_differs_is_computed_and_the_outcome_is_that_of_a_first_import(
    run_import: Run,
    engine: Engine,
    make_house: House,
    tmp_path: Path,
    computed: list[int],
    change: Callable[[Any], None],
    computes: int,
) -> None:
    path = make_house().write(tmp_path / "house.ifc")
    run_import(path)
    with engine.connect() as connection:
        first = drawn(connection)
        before = ids(connection, element)
    made = make_house()
    change(made)
    made.write(path)
    renumber(path)
    computed.clear()
    report = run_import(path)
    assert len(computed) == computes
    with engine.connect() as connection:
        after = drawn(connection)
        assert ids(connection, element) == before
    different = [key for key in after if after[key] != first[key]]
    assert len(different) == report.layers["elements"].changed == 1
    # The same file as a dataset of its own: everything is computed there.
    computed.clear()
    with engine.begin() as connection:
        connection.execute(text("truncate cim.shape, cim.mesh_instance, cim.element, cim.space cascade"))
    run_import(path, dataset="fresh")
    assert len(computed) == 11
    with engine.connect() as connection:
        assert drawn(connection) == after


def test_a_shape_that_was_late_is_tried_again(
    engine: Engine, settings: Settings, run_import: Run, make_house: House, tmp_path: Path
) -> None:
    path = make_house().write(tmp_path / "house.ifc")
    hasty = IfcImporter(GeometryLimits(file_s=0.0))
    (report,) = import_paths(engine, [path], ImportContext(ImportOptions(), settings), [hasty])
    assert any(note.code == "geometry_timed_out" for note in report.notes)
    with engine.connect() as connection:
        assert set(connection.scalars(select(element.c.geometry_status))) == {"timed_out"}
        assert connection.scalar(select(func.count()).select_from(shape)) == 0
    renumber(path)
    assert run_import(path).layers["elements"].changed == 8
    with engine.connect() as connection:
        assert set(connection.scalars(select(element.c.geometry_status))) == {"ok"}


def test_what_another_import_removed_meanwhile_is_computed(
    run_import: Run, engine: Engine, author: Any, make_house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_house().write(tmp_path / "house.ifc")
    run_import(path)
    with engine.connect() as connection:
        before = drawn(connection)
    made = make_house()
    change_nothing(made)
    made.write(path)
    hut = author()
    hut.georeference(522000.0, 2512000.0, 0.0, 0.0, 1.0)
    hut.product("IfcWall", hut.storey("1F", 0.0), (0, 0, 0), (1, 1, 1))
    (tmp_path / "other").mkdir()
    other = hut.write(tmp_path / "other" / "hut.ifc")
    recall = importer_module.recall

    def recall_then_lose(connection: Connection, *rest: Any) -> None:
        recall(connection, *rest)
        monkeypatch.setattr(importer_module, "recall", recall)
        assert run_import(other, dataset="house.ifc").layers["elements"].removed == 7

    monkeypatch.setattr(importer_module, "recall", recall_then_lose)
    assert run_import(path).layers["elements"].added == 7
    with engine.connect() as connection:
        after = drawn(connection)
    assert len([key for key in after if after[key] != before[key]]) == 1
    assert {one["name"] for one in after.values()} - {one["name"] for one in before.values()} == {"another name"}


def new_ids(author: Any) -> None:
    for product in author.file.by_type("IfcRoot"):
        product.GlobalId = ifcopenshell.guid.new()


def test_objects_with_new_global_ids_keep_their_ids(
    run_import: Run, engine: Engine, make_house: House, tmp_path: Path
) -> None:
    path = make_house().write(tmp_path / "house.ifc")
    run_import(path)
    with engine.connect() as connection:
        before = {table.name: ids(connection, table) for table in (storey, space, element)}
    made = make_house()
    new_ids(made)
    made.write(path)
    report = run_import(path)
    assert [note.message for note in report.notes if note.code == "renamed"] == [
        "15 objects have other GlobalIds and were found again; they keep their ids"
    ]
    for layer in ("storeys", "spaces", "elements"):
        counts = report.layers[layer]
        assert (counts.added, counts.changed, counts.removed) == (0, counts.read, 0), layer
    with engine.connect() as connection:
        for table in (storey, space, element):
            after = ids(connection, table)
            assert set(after.values()) == set(before[table.name].values())
            assert not set(after) & set(before[table.name])
        was = connection.execute(
            select(object_history.c.id, object_history.c.record["source_key"].astext).where(
                object_history.c.table_name == "element"
            )
        ).all()
        assert {row[1]: row[0] for row in was} == before["element"]


def test_a_tag_tells_what_changed_its_id_and_its_shape(
    run_import: Run, engine: Engine, author: Any, tmp_path: Path
) -> None:
    def walls(lengths: dict[str | None, float]) -> Any:
        made = author()
        made.georeference(522000.0, 2512000.0, 0.0, 0.0, 1.0)
        ground = made.storey("1F", 0.0)
        for tag, length in lengths.items():
            made.product("IfcWall", ground, (0, length, 0), (length, 0.2, 3), Name=f"wall {tag}", Tag=tag)
        return made

    path = walls({"100": 4.0, "200": 5.0, None: 6.0}).write(tmp_path / "walls.ifc")
    run_import(path)
    names = select(element.c.name, element.c.id)
    with engine.connect() as connection:
        before = {row.name: row.id for row in connection.execute(names)}
    made = walls({"100": 4.5, "300": 5.0, None: 7.0})
    new_ids(made)
    made.write(path)
    counts = run_import(path).layers["elements"]
    with engine.connect() as connection:
        after = {row.name: row.id for row in connection.execute(names)}
    assert after["wall 100"] == before["wall 100"]  # by its tag, although it is longer
    assert after["wall 300"] == before["wall 200"]  # by class, shape and position, although the tag is another
    assert after["wall None"] != before["wall None"]  # nothing of it is as before
    assert (counts.added, counts.changed, counts.removed) == (1, 2, 1)


def test_earlier_versions_stay_readable(run_import: Run, engine: Engine, make_house: House, tmp_path: Path) -> None:
    path = make_house().write(tmp_path / "house.ifc")
    run_import(path)
    between = datetime.now(UTC)
    made = make_house()
    move_wall(made)
    made.file.by_type("IfcWall")[0].Name = "renamed"
    made.file.remove(made.file.by_type("IfcWall")[2])
    made.product("IfcColumn", made.file.by_type("IfcBuildingStorey")[0], (1, 1, 0), (1, 1, 1), Name="new")
    made.write(path)
    run_import(path)

    def names(at: datetime) -> list[str]:
        with engine.connect() as connection:
            rows = connection.execute(objects_as_of(element, "elements", "house.ifc", at)).all()
        return sorted(row.record["name"] for row in rows)

    now = datetime.now(UTC)
    assert names(between) == ["parapet", "roof", "slab", "slab", "slab", "wall 0", "wall 1", "wall 2"]
    assert names(now) == ["new", "parapet", "renamed", "roof", "slab", "slab", "slab", "wall 1"]
    assert names(datetime(2020, 1, 1, tzinfo=UTC)) == []
    with engine.connect() as connection:
        versions = connection.execute(versions_of(element, "elements", "house.ifc")).all()
        then, here = (
            {row.record["name"]: row.record for row in connection.execute(
                objects_as_of(element, "elements", "house.ifc", at)
            )}
            for at in (between, now)
        )  # fmt: skip
    # Two walls changed, one went, a column came; before that all eight came.
    assert [(row.began, row.ended) for row in versions] == [(3, 3), (8, 0)]
    assert then["wall 1"]["geom"] != here["wall 1"]["geom"]
    assert then["slab"].keys() == here["slab"].keys()
    assert then["roof"] == here["roof"]


def test_a_diff_tells_what_the_import_then_does(
    engine: Engine, settings: Settings, importer: IfcImporter, run_import: Run, make_house: House, tmp_path: Path
) -> None:
    path = make_house().write(tmp_path / "house.ifc")
    run_import(path)
    made = make_house()
    walls = made.file.by_type("IfcWall")
    walls[0].Name = "renamed"
    made.pset(walls[1], "Pset_WallCommon", FireRating="2h", IsExternal=False)
    move_opening(made)
    gone = made.file.by_type("IfcSpace")[2]
    key = gone.GlobalId
    made.file.remove(gone)
    added = made.product("IfcColumn", made.file.by_type("IfcBuildingStorey")[0], (1, 1, 0), (1, 1, 1), Name="new")
    made.write(path)

    def contents() -> Iterator[Any]:
        with engine.connect() as connection:
            for table in ("dataset", "model", "element", "space", "mesh", "mesh_instance", "shape", "object_history"):
                yield connection.execute(
                    text(f"select md5(string_agg(t::text, '|' order by t::text)) from cim.{table} t")
                ).scalar()

    before = list(contents())
    ((report, found),) = find_differences(engine, [path], ImportContext(ImportOptions(), settings), silent, [importer])
    assert list(contents()) == before
    by_key = {one.key: one for one in found}
    assert by_key[key].kind == "removed"
    assert (by_key[added.GlobalId].kind, by_key[added.GlobalId].name) == ("added", "new")
    assert by_key[walls[0].GlobalId].fields == {"name": ("wall 0", "renamed")}
    second = by_key[walls[1].GlobalId].fields
    assert second.pop("psets.Pset_WallCommon.FireRating") == (None, "2h")
    assert second.pop("psets.Pset_WallCommon.IsExternal") == (True, False)
    assert set(second) == {"drawing_hash"}
    real = run_import(path)
    for layer in ("elements", "spaces"):
        counts, kinds = real.layers[layer], [one.kind for one in found if one.layer == layer]
        assert (counts.added, counts.changed, counts.removed) == tuple(
            map(kinds.count, ("added", "changed", "removed"))
        ), layer
    assert report.layers == real.layers
    ((report, found),) = find_differences(engine, [path], ImportContext(ImportOptions(), settings), silent, [importer])
    assert (report.status, found) == ("unchanged", [])


def test_the_commands_show_differences_and_versions(
    run_import: Run, settings: Settings, make_house: House, tmp_path: Path
) -> None:
    path = make_house().write(tmp_path / "house.ifc")
    run_import(path)
    made = make_house()
    change_nothing(made)
    made.write(path)
    cim = partial(command.cim, settings.home, settings.database_url)

    shown = cim("import", "--diff", str(path), "--json")
    assert shown.returncode == 0, shown.stderr
    (found,) = json.loads(shown.stdout)
    assert found["file"] == "house.ifc"
    (wall,) = [one for one in found["differences"] if one["layer"] == "elements"]
    assert wall["fields"] == {"name": {"before": "wall 0", "after": "another name"}}
    plain = cim("import", "--diff", str(path)).stdout
    assert f"~ elements {wall['key']} 'another name'\n    name: 'wall 0' -> 'another name'\n" in plain
    versions = json.loads(cim("history", "house.ifc", "--json").stdout)
    assert [(row["began"], row["ended"]) for row in versions] == [(8, 0)]
    then = json.loads(cim("history", "house.ifc", "--at", versions[0]["at"], "--json").stdout)
    assert len(then) == 8
    assert cim("history", "house.ifc", "--at", "2020-01-01").stdout.count("wall") == 0
    assert "there is no dataset 'hut.ifc'" in cim("history", "hut.ifc").stderr
    assert "'yesterday' is no time" in cim("history", "house.ifc", "--at", "yesterday").stderr


def test_unused_shapes_go_with_their_meshes(run_import: Run, engine: Engine, make_house: House, tmp_path: Path) -> None:
    path = make_house().write(tmp_path / "house.ifc")
    run_import(path)
    made = make_house()
    made.file.by_type("IfcWall")[1].Representation = made.box(9.0, 0.3, 2.8)
    made.write(path)
    run_import(path)
    with engine.connect() as connection:
        lost = (
            select(func.count()).select_from(shape).where(shape.c.mesh_hash.not_in(select(mesh_instance.c.mesh_hash)))
        )
        assert connection.scalar(lost) == 0
        unused = select(func.count()).select_from(mesh).where(mesh.c.hash.not_in(select(mesh_instance.c.mesh_hash)))
        assert connection.scalar(unused) == 0
