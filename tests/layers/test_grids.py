"""Management grids: faults that were planted are found, three grids become one, and the past stays answerable."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import Connection, Engine, insert, select, text, update

from cim.access import Caller
from cim.crs import area_m2, to_geographic
from cim.errors import InvalidInput, NotFound
from cim.tables import event, feature, grid_cell
from layers.grids.cells import cell_at, check_grid
from layers.grids.lineage import trace_cell
from layers.grids.merging import merge_grids
from layers.grids.overlay import OldCell, overlay
from layers.grids.topology import find_faults

ADMIN = Caller("admin")
WEST, SOUTH = 522_000.0, 2_511_000.0
BEGINS = datetime(2026, 3, 1, tzinfo=UTC)
COMMUNITY = "440307001001"


def degrees(shape: shapely.Geometry) -> shapely.Geometry:
    return to_geographic("EPSG:4547").geometries(np.array([shape], dtype=object))[0]


def square(x: float, y: float, width: float, height: float) -> shapely.Polygon:
    return shapely.box(WEST + x, SOUTH + y, WEST + x + width, SOUTH + y + height)


def strips(count: int, *, upright: bool) -> list[shapely.Polygon]:
    """Cut a square of 1200 m into equal strips."""
    size = 1200 / count
    return [
        square(index * size, 0, size, 1200) if upright else square(0, index * size, 1200, size)
        for index in range(count)
    ]


GRIDS = {
    "A": strips(3, upright=True),
    "B": strips(4, upright=False),
    # borders 1.5 m beside those of A: two surveys of one line
    "C": [square(0, 0, 401.5, 1200), square(401.5, 0, 798.5, 1200)],
}


def old_cells() -> dict[str, list[OldCell]]:
    return {name: [OldCell(name, f"{name}{i}", cell) for i, cell in enumerate(cells)] for name, cells in GRIDS.items()}


@pytest.fixture
def three(engine: Engine) -> Engine:
    """Three grids over one community, and an event in each quarter."""
    with engine.begin() as connection:
        for name, cells in GRIDS.items():
            for index, cell in enumerate(cells):
                add(connection, name, f"{name}{index}", cell)
        whole = shapely.MultiPolygon([degrees(square(-10, -10, 1220, 1220))])
        connection.execute(
            insert(feature).values(layer_id="admin_areas", source_key=COMMUNITY, geom=f"SRID=4490;{whole.wkt}")
        )
        for index, (x, y) in enumerate([(100, 100), (1000, 100), (100, 1000), (1000, 1000)]):
            place = degrees(shapely.Point(WEST + x, SOUTH + y))
            connection.execute(
                insert(event).values(
                    layer_id="events", source_key=str(index), source="test", grid_cell_code="A0",
                    state="close" if index == 3 else "handle", occurred_at=BEGINS - timedelta(days=9),
                    geom=f"SRID=4490;{place.wkt}",
                )
            )  # fmt: skip
    return engine


def add(connection: Connection, grid: str, code: str, cell: shapely.Polygon, **more: Any) -> None:
    shape = shapely.MultiPolygon([degrees(cell)])
    connection.execute(
        insert(grid_cell).values(
            layer_id="grid_cells", source_key=code, grid=grid, code=code, geom=f"SRID=4490;{shape.wkt}", **more
        )
    )


def merge(engine: Engine, **more: Any) -> Any:
    asked = {"metric_crs": "EPSG:4547", "begins": BEGINS, "min_area_m2": 5_000.0} | more
    with engine.begin() as connection:
        return merge_grids(connection, ["A", "B", "C"], "综合网格", **asked)


def test_overlaps_gaps_and_edges_are_found_with_size_and_place() -> None:
    cells = {
        "left": square(0, 0, 100, 100),
        "right": square(97, 0, 100, 100),  # 3 m too far
        "upper": square(0, 100, 197, 100),  # its lower edge misses the corners of the two
        "island": square(300, 0, 100, 100),
        "ring": shapely.Polygon(
            square(290, -10, 120, 220).exterior, [square(300, 0, 100, 100).exterior, square(320, 120, 50, 50).exterior]
        ),
    }
    faults = find_faults(list(cells), [degrees(cell) for cell in cells.values()])
    overlap, gap = (next(fault for fault in faults if fault.kind == kind) for kind in ("overlap", "gap"))
    assert set(overlap.codes) == {"left", "right"}
    assert overlap.size == pytest.approx(300, rel=1e-3)
    assert not overlap.is_sliver
    assert gap.size == pytest.approx(2500, rel=1e-3)
    assert gap.codes == ("ring",)
    x, y = degrees(square(320, 120, 50, 50)).centroid.coords[0]
    assert gap.place == pytest.approx((x, y), abs=2e-4)
    edges = {fault.codes[0] for fault in faults if fault.kind == "edge"}
    assert edges == set()  # 'upper' touches cells that overlap, of which the overlap is said
    two = {"upper": cells["upper"], "left": cells["left"]}
    [edge] = [
        fault for fault in find_faults(list(two), [degrees(cell) for cell in two.values()]) if fault.codes[0] == "upper"
    ]
    assert edge.kind == "edge"
    assert edge.size == pytest.approx(197, rel=1e-2)


def test_a_sliver_is_called_one() -> None:
    [fault] = find_faults(["a", "b"], [degrees(square(0, 0, 100, 100)), degrees(square(99, 0, 100, 100))])
    assert (fault.kind, fault.is_sliver) == ("overlap", True)
    assert "sliver" in fault.message


def test_a_clean_grid_has_no_faults() -> None:
    cells = [degrees(square(100 * i, 100 * j, 100, 100)) for i in range(5) for j in range(4)]
    assert find_faults([str(index) for index in range(20)], cells) == []


def test_an_overlay_covers_what_the_old_grids_covered_once() -> None:
    made = overlay(old_cells(), 5_000.0)
    shapes = [cell.shape for cell in made]
    # 3 columns x 4 rows; the 1.5 m beside A's border are no cells of their own
    assert len(made) == 12
    assert shapely.area(shapely.union_all(shapes)) == pytest.approx(1200 * 1200)
    assert sum(shape.area for shape in shapes) == pytest.approx(1200 * 1200)
    assert all(one.intersection(other).area < 1e-6 for one, other in combinations(shapes, 2))
    assert shapely.coverage_is_valid(np.asarray(shapes, dtype=object))


def test_shares_say_where_each_cell_came_from_and_all_of_the_old_ones_went_somewhere() -> None:
    taken: dict[tuple[str, str], float] = {}
    for cell in overlay(old_cells(), 5_000.0):
        by_grid: dict[str, float] = {}
        for share in cell.lineage:
            old = next(one for one in old_cells()[share.grid] if one.code == share.code)
            assert share.share == pytest.approx(cell.shape.intersection(old.shape).area / cell.shape.area)
            by_grid[share.grid] = by_grid.get(share.grid, 0.0) + share.share
            taken[share.grid, share.code] = taken.get((share.grid, share.code), 0.0) + share.share_of_old
        assert by_grid == pytest.approx({"A": 1.0, "B": 1.0, "C": 1.0}, abs=1e-6)
    assert len(taken) == 9
    assert all(value == pytest.approx(1.0, abs=1e-6) for value in taken.values())


def test_three_grids_become_one_with_official_codes(three: Engine) -> None:
    done = merge(three)
    assert done.old == {"A": 3, "B": 4, "C": 2}
    assert done.codes == [f"{COMMUNITY}{number:03d}" for number in range(1, 13)]
    assert done.faults == []
    with three.connect() as connection:
        assert check_grid(connection, "综合网格") == []
        first = connection.execute(
            select(grid_cell).where(grid_cell.c.grid == "综合网格", grid_cell.c.code == f"{COMMUNITY}001")
        ).one()
        ended = connection.execute(
            text("select distinct valid_to from cim.grid_cell where grid in ('A', 'B', 'C')")
        ).all()
        codes = connection.execute(text("select source_key, grid_cell_code from cim.event order by source_key")).all()
    # the first is that of the north-west: column A0, row B3
    mostly = {(row["grid"], row["code"]) for row in first.lineage if row["share"] > 0.9}
    assert mostly == {("A", "A0"), ("B", "B3"), ("C", "C0")}
    assert first.valid_from == BEGINS
    assert first.area_code == first.code
    assert ended == [(BEGINS,)]
    assert [code for _, code in codes[:3]] == [f"{COMMUNITY}{number:03d}" for number in (10, 12, 1)]
    assert codes[3][1] == "A0"  # closed before: it stays where it was


def test_every_old_cell_can_be_followed_and_back(three: Engine) -> None:
    merge(three)
    with three.connect() as connection:
        old = trace_cell(connection, "A", "A1")
        assert old["from"] == []
        assert len(old["into"]) == 4
        assert sum(row["share_of_old"] for row in old["into"]) == pytest.approx(1.0, abs=1e-4)
        for row in old["into"]:
            new = trace_cell(connection, row["grid"], row["code"])
            assert ("A", "A1") in {(one["grid"], one["code"]) for one in new["from"]}
        with pytest.raises(NotFound, match="A9"):
            trace_cell(connection, "A", "A9")


def test_merging_again_replaces_and_says_the_same(three: Engine) -> None:
    first = merge(three)
    with three.connect() as connection:
        before = connection.execute(
            text("select id, code, geom from cim.grid_cell where grid = '综合网格' order by code")
        ).all()
    again = merge(three)
    with three.connect() as connection:
        after = connection.execute(
            text("select id, code, geom from cim.grid_cell where grid = '综合网格' order by code")
        ).all()
    assert again.codes == first.codes
    assert after == before


def test_the_cell_of_a_place_at_any_time(three: Engine) -> None:
    merge(three)
    lon, lat = degrees(shapely.Point(WEST + 100, SOUTH + 100)).coords[0]
    with three.connect() as connection:
        assert cell_at(connection, "综合网格", lon, lat, None, ADMIN)["cell"]["code"] == f"{COMMUNITY}010"
        assert cell_at(connection, "综合网格", lon, lat, BEGINS + timedelta(days=1), ADMIN)["cell"]["code"].endswith(
            "010"
        )
        assert cell_at(connection, "综合网格", lon, lat, BEGINS - timedelta(days=1), ADMIN)["cell"] is None
        before = cell_at(connection, "A", lon, lat, BEGINS - timedelta(days=1), ADMIN)
        assert (before["cell"]["code"], before["is_assumed"]) == ("A0", True)
        assert cell_at(connection, "A", lon, lat, None, ADMIN)["cell"] is None
        assert cell_at(connection, "A", lon, lat, BEGINS + timedelta(days=1), ADMIN)["cell"] is None
        with pytest.raises(NotFound, match="'Z'"):
            cell_at(connection, "Z", lon, lat, None, ADMIN)
        with pytest.raises(InvalidInput, match="longitude first"):
            cell_at(connection, "A", 1e3, 0.0, None, ADMIN)


def test_a_border_that_moved_is_where_it_was_in_the_past(engine: Engine) -> None:
    with engine.begin() as connection:
        add(connection, "G", "g1", square(0, 0, 100, 100), recorded_at=datetime(2026, 1, 1, tzinfo=UTC))
        add(connection, "G", "g2", square(100, 0, 100, 100), recorded_at=datetime(2026, 1, 1, tzinfo=UTC))
    with engine.begin() as connection:
        for code, cell in (("g1", square(0, 0, 150, 100)), ("g2", square(150, 0, 50, 100))):
            shape = shapely.MultiPolygon([degrees(cell)])
            connection.execute(
                update(grid_cell)
                .where(grid_cell.c.code == code)
                .values(geom=f"SRID=4490;{shape.wkt}", recorded_at=datetime(2026, 6, 1, tzinfo=UTC))
            )
        # the trigger says 'until now'; the past of this test is made by hand
        connection.execute(text("update cim.object_history set recorded_to = '2026-06-01T00:00:00Z'"))
    lon, lat = degrees(shapely.Point(WEST + 120, SOUTH + 50)).coords[0]
    with engine.connect() as connection:
        march, july = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 7))
        assert cell_at(connection, "G", lon, lat, march, ADMIN)["cell"]["code"] == "g2"
        assert cell_at(connection, "G", lon, lat, july, ADMIN)["cell"]["code"] == "g1"
        assert cell_at(connection, "G", lon, lat, None, ADMIN)["cell"]["code"] == "g1"


def test_what_cannot_be_merged_is_refused_and_changes_nothing(three: Engine) -> None:
    with three.begin() as connection:
        connection.execute(text("delete from cim.feature"))
    with pytest.raises(InvalidInput, match="import the communities first"):
        merge(three)
    with three.connect() as connection:
        assert connection.execute(text("select count(*) from cim.grid_cell where valid_to is not null")).scalar() == 0
        with pytest.raises(NotFound, match="'X'"):
            merge_grids(connection, ["A", "X"], "N", metric_crs="EPSG:4547", begins=BEGINS, min_area_m2=1.0)
        with pytest.raises(InvalidInput, match="two others"):
            merge_grids(connection, ["A"], "N", metric_crs="EPSG:4547", begins=BEGINS, min_area_m2=1.0)


def test_planted_overlaps_are_noted_by_the_import(take: Any, tmp_path: Any) -> None:
    import geopandas

    cells = [square(0, 0, 100, 100), square(60, 0, 140, 100)]
    frame = geopandas.GeoDataFrame(
        {"网格编码": ["440307001001001", "440307001001002"]}, geometry=cells, crs="EPSG:4547"
    )
    frame.to_file(tmp_path / "社区网格.gpkg", layer="社区网格", driver="GPKG")
    report = take(tmp_path / "社区网格.gpkg")
    [note] = [note for note in report.notes if note.code == "grid_overlap"]
    assert "440307001001001 and 440307001001002 overlap by" in note.message
    assert report.layers["grid_cells"].added == 2
    assert area_m2(degrees(square(60, 0, 40, 100))) == pytest.approx(4000, rel=1e-3)
