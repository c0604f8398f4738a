"""Points drawn in a GIS come back as notes, each once; what is wrong is named by its row and nothing is taken."""

from __future__ import annotations

import sqlite3
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from sqlalchemy import Connection

from cim.crs import from_geographic
from cim.errors import InvalidFile, InvalidInput, MissingCrs
from layers.incidents.conflicts import list_conflicts
from layers.incidents.drawn_additions import COLUMNS, LAYER, described, read_drawn
from layers.incidents.incident import read_incident
from layers.incidents.merge_back import merge_additions
from tests.layers.events_town import at, build_town
from tests.layers.test_incidents import LEADER, opened, told
from tests.layers.test_incidents_merge import UUID, counts

CRS = "EPSG:4490"


@pytest.fixture
def town(connection: Connection) -> dict[str, int]:
    return build_town(connection)


def drawn_file(file: Path, incident: str | None, *rows: dict[str, Any], crs: str | None = CRS, **how: Any) -> Path:
    """Write what a GIS leaves of the layer of a pack; ``shape`` of a row is its geometry."""
    told = {name: pd.Series([row.get(name) for row in rows], dtype="str") for name in COLUMNS}
    shapes = geopandas.GeoSeries([row.get("shape", shapely.Point(at(5, 5))) for row in rows], crs=crs)
    says = None if incident is None else described(incident, "2026-03-01T00:00:00+00:00")
    frame = geopandas.GeoDataFrame(told, geometry=shapes, crs=crs)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided")
        frame.to_file(file, driver="GPKG", dataset_metadata=says, **{"layer": LAYER} | how)
    return file


def test_points_drawn_in_a_gis_become_notes_once(connection: Connection, town: dict[str, int], tmp_path: Path) -> None:
    number = opened(connection)
    uuid, own = read_incident(connection, number, LEADER)["uuid"], uuid4()
    places = np.array([shapely.Point(at(5, 5)), shapely.Point(at(9, 9))], object)
    here, there = from_geographic("EPSG:4547").geometries(places)
    rows = [
        {"uuid": f"{{{own}}}", "at": "2026-03-01T08:00:00+08:00", "by": "李四", "text": "被困", "shape": here},
        {"text": "水带一条", "shape": there},
        {"text": "只有文字", "shape": None},
        {"text": "水带一条", "shape": there},
    ]
    file = drawn_file(tmp_path / "一.gpkg", uuid, *rows, crs="EPSG:4547")
    additions = read_drawn(file, by="前线")
    report = merge_additions(connection, number, additions, LEADER)
    assert (report["status"], report["entries"]) == ("merged", {"new": 4, "known": 0})
    first, *others = [one for one in told(connection, number) if one["kind"] == "note"]
    assert (first["uuid"], first["at"], first["by"]) == (str(own), "2026-03-01T00:00:00+00:00", "李四")
    assert first["snapshot"]["position"] == pytest.approx(at(5, 5), abs=1e-7)
    assert [(one["text"], one["by"]) for one in others] == [(row["text"], "前线") for row in rows[1:]]
    assert [one["snapshot"] is not None for one in others] == [True, False, True]
    before = counts(connection)
    # written down by whoever, under whatever name: it is the same
    again = drawn_file(tmp_path / "二.gpkg", uuid, *rows, {"text": "晚到", "by": "王五"}, crs="EPSG:4547")
    assert merge_additions(connection, number, read_drawn(file, by="他"), LEADER)["status"] == "known"
    assert counts(connection) == before
    later = merge_additions(connection, number, read_drawn(again, by="前线"), LEADER)
    assert later["entries"] == {"new": 1, "known": 4}
    # the same uuid that says something else is a conflict, as in any file of additions
    other = drawn_file(tmp_path / "三.gpkg", uuid, rows[0] | {"text": "四楼"}, crs="EPSG:4547")
    [found] = merge_additions(connection, number, read_drawn(other), LEADER)["conflicts"]
    assert list_conflicts(connection, number, LEADER)[0]["theirs"]["text"] == "四楼", found


def test_a_layer_that_names_no_incident_needs_it_named(tmp_path: Path) -> None:
    file = drawn_file(tmp_path / "a.gpkg", None, {"text": "a", "by": "b"}, layer="导出")
    with pytest.raises(InvalidInput, match="for which incident"):
        read_drawn(file)
    assert str(read_drawn(file, incident=uuid4()).entries[0].by) == "b"
    named = drawn_file(tmp_path / "b.gpkg", UUID, {"text": "a", "by": "b"})
    assert str(read_drawn(named, incident=uuid4()).incident) == UUID
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.gpkg", "b.gpkg"], "nothing is left beside a file"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"by": None}, "row 2: by is missing"),
        ({"uuid": "x"}, "row 2: uuid is 'x'"),
        ({"uuid": UUID}, f"same uuid {UUID}"),
        ({"at": "昨天"}, "row 2: at"),
        ({"at": "2026-03-01T08:00:00"}, "row 2: at"),
        ({"text": "a" * 4001}, "row 2: text is .* at most 4000"),
        ({"text": None, "shape": None}, "row 2: a note needs"),
        ({"shape": shapely.LineString([at(0, 0), at(5, 5)])}, "row 2: its shape is a LineString"),
        ({"shape": shapely.Point(500, 0)}, "row 2: position"),
    ],
)
def test_a_row_that_is_wrong_is_named_and_nothing_taken(tmp_path: Path, row: dict[str, Any], says: str) -> None:
    first = {"uuid": UUID, "by": "a", "text": "a"}
    file = drawn_file(tmp_path / "a.gpkg", UUID, first, {"by": "b", "text": "b"} | row)
    with pytest.raises(InvalidInput, match=says):
        read_drawn(file)


def test_a_file_that_is_no_such_layer_is_refused(tmp_path: Path) -> None:
    row = {"by": "a", "text": "a"}
    with pytest.raises(InvalidFile, match="save the edits"):
        read_drawn(drawn_file(tmp_path / "empty.gpkg", UUID))
    with pytest.raises(MissingCrs):
        read_drawn(drawn_file(tmp_path / "crs.gpkg", UUID, row, crs=None))
    several = drawn_file(tmp_path / "several.gpkg", UUID, row, layer="a")
    drawn_file(several, UUID, row, layer="b")
    with pytest.raises(InvalidFile, match="no layer 'additions' but a, b"):
        read_drawn(several)
    (tmp_path / "broken.gpkg").write_bytes(several.read_bytes()[:5000])
    with pytest.raises(InvalidFile):
        read_drawn(tmp_path / "broken.gpkg")
    endless = drawn_file(tmp_path / "view.gpkg", UUID, row)
    with closing(sqlite3.connect(endless)) as opened_file:
        opened_file.execute("ALTER TABLE additions RENAME TO hidden")
        opened_file.execute("CREATE VIEW additions AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                            " SELECT hidden.* FROM hidden, n")  # fmt: skip
        opened_file.commit()
    with pytest.raises(InvalidFile, match="'additions' is computed"):
        read_drawn(endless)
    # as a GIS leaves it that is still open
    waiting = drawn_file(tmp_path / "wal.gpkg", UUID, row, SPATIAL_INDEX="NO")
    with closing(sqlite3.connect(waiting)) as opened_file:
        opened_file.execute("PRAGMA journal_mode = WAL")
        opened_file.execute("UPDATE additions SET text = 'b'")
        opened_file.commit()
        assert read_drawn(waiting).entries[0].text == "b"
