"""Alignments: lines with heights, against curves worked out by hand and against the files' own segments."""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ifcopenshell
import numpy as np
import pytest
import shapely
from pyproj import Transformer
from sqlalchemy import Engine, func, select

from bim_import.alignment_layout import Slope, height_m
from cim.reports import ImportReport
from cim.tables import alignment, facility, model

Run = Callable[..., ImportReport]
EAST, NORTH, HEIGHT = 522000.0, 2512000.0, 50.0


def layout(made: Any, horizontal: list[tuple[Any, ...]], vertical: list[tuple[Any, ...]]) -> Any:
    """An alignment; lengths in metres, whatever the unit of the file.

    Rows: (type, x, y, direction, first radius, last radius, length), (type, start, length, height, two gradients).
    """
    new, mm = made.file.create_entity, made.length
    line = made.rooted("IfcAlignment", Name="轴线", ObjectPlacement=made.place(0, 0, 0, made.site))
    parts = []
    for kind, rows in (("Horizontal", horizontal), ("Vertical", vertical)):
        segments = []
        for row in rows:
            if kind == "Horizontal":
                word, x, y, direction, first, last, length = row
                parameters = new("IfcAlignmentHorizontalSegment", None, None, made.point(x, y), direction, mm(first),
                                 mm(last), mm(length), None, word)  # fmt: skip
            else:
                word, start, length, height, first, last = row
                lengths = (mm(start), mm(length), mm(height))
                parameters = new("IfcAlignmentVerticalSegment", None, None, *lengths, first, last, None, word)
            segments.append(made.rooted("IfcAlignmentSegment", DesignParameters=parameters))
        part = made.rooted(f"IfcAlignment{kind}")
        made.rooted("IfcRelNests", RelatingObject=part, RelatedObjects=segments)
        parts.append(part)
    made.rooted("IfcRelNests", RelatingObject=line, RelatedObjects=parts)
    made.part_of(made.project, line)
    return line


def clothoid(distance: float, radius: float, length: float) -> tuple[float, float]:
    """x, y along a clothoid from straight to a radius, by numerical integration of its curvature."""
    steps = np.linspace(0.0, distance, 20_001)
    angle = steps**2 / (2 * radius * length)
    return float(np.trapezoid(np.cos(angle), steps)), float(np.trapezoid(np.sin(angle), steps))


@pytest.mark.parametrize("unit_m", [1.0, 0.001])
def test_line_clothoid_and_arc(run_import: Run, engine: Engine, author: Any, tmp_path: Path, unit_m: float) -> None:
    made = author("IFC4X3", unit_m)
    made.georeference(EAST, NORTH, HEIGHT, 0.0, unit_m)
    x, y = clothoid(60.0, 300.0, 60.0)
    turned = 60.0 / (2 * 300.0)
    layout(
        made,
        [
            ("LINE", 0.0, 0.0, 0.0, 0.0, 0.0, 100.0),
            ("CLOTHOID", 100.0, 0.0, 0.0, 0.0, 300.0, 60.0),
            ("CIRCULARARC", 100.0 + x, y, turned, 300.0, 300.0, 80.0),
        ],
        [
            ("CONSTANTGRADIENT", 0.0, 100.0, 10.0, 0.02, 0.02),
            ("PARABOLICARC", 100.0, 100.0, 12.0, 0.02, -0.01),
            ("CONSTANTGRADIENT", 200.0, 40.0, 12.5, -0.01, -0.01),
        ],
    )
    report = run_import(made.write(tmp_path / "line.ifc"))
    assert report.status == "imported", report.error
    assert not [note for note in report.notes if note.code.startswith("alignment_")]
    with engine.connect() as connection:
        row = connection.execute(select(alignment, func.ST_AsBinary(alignment.c.geom).label("wkb"))).one()
    assert (row.name, row.stated_length_m, row.min_radius_m, row.max_gradient) == ("轴线", 240.0, 300.0, 0.02)
    assert row.curve_length_m == pytest.approx(240.0, abs=1e-6)
    points = shapely.get_coordinates(shapely.from_wkb(bytes(row.wkb)), include_z=True)
    east, north = Transformer.from_crs(4490, 4547, always_xy=True).transform(points[:, 0], points[:, 1])
    local = np.column_stack([east - EAST, north - NORTH, points[:, 2] - HEIGHT])
    # The end of the arc: its centre is 300 m to the left of its start.
    centre = np.array([100.0 + x - 300.0 * math.sin(turned), y + 300.0 * math.cos(turned)])
    end_angle = turned + 80.0 / 300.0
    end = centre + 300.0 * np.array([math.sin(end_angle), -math.cos(end_angle)])
    assert local[0] == pytest.approx([0.0, 0.0, 10.0], abs=1e-3)
    assert local[-1] == pytest.approx([*end, 12.5 - 0.4], abs=1e-3)
    drawn = shapely.LineString(local[:, :2])
    for distance in (10.0, 30.0, 59.0):
        dx, dy = clothoid(distance, 300.0, 60.0)
        assert drawn.distance(shapely.Point(100.0 + dx, dy)) < 0.006
    for angle in np.linspace(turned, end_angle, 9):
        assert drawn.distance(shapely.Point(centre + 300.0 * np.array([math.sin(angle), -math.cos(angle)]))) < 0.006
    # The highest point of the parabola: 100 + 0.02 / 0.03 * 100 m along, 12 + 0.02^2 * 100 / 0.06 m high.
    assert local[:, 2].max() == pytest.approx(12.0 + 0.02**2 * 100 / 0.06, abs=0.006)
    assert drawn.length == pytest.approx(240.0, abs=0.01)


def test_heights_of_a_vertical_arc() -> None:
    # A crest of 1000 m radius from +3 % to -3 %: the circle through its ends, by its equation.
    half = 1000.0 * math.sin(math.atan(0.03))
    profile = [Slope(0.0, 2 * half, 5.0, 0.03, -0.03, "CIRCULARARC")]
    centre_z = 5.0 - math.sqrt(1000.0**2 - half**2)
    for along in (0.0, 7.0, half, 1.5 * half, 2 * half):
        expected = centre_z + math.sqrt(1000.0**2 - (along - half) ** 2)
        assert height_m(profile, along) == pytest.approx(expected, abs=1e-9)
    assert height_m(profile, 2 * half + 10.0) == pytest.approx(5.0 - 0.3, abs=1e-9)
    assert height_m([], 3.0) == 0.0


def opened(path: Path) -> Any:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            text = archive.read(archive.namelist()[0]).decode("latin-1")
    else:
        text = path.read_text("latin-1")
    return ifcopenshell.file.from_string(re.sub(r"FILE_SCHEMA\s*\(\('[^']*'", "FILE_SCHEMA(('IFC4X3_ADD2'", text))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "crs", "conversion"),
    [
        ("linear-placement-of-signal.ifc", 3065, (0.0, 0.0, 0.0)),
        ("rail_SBB_AL01_LV95.ifc", 2056, (2689000.0, 1253000.0, 0.0)),
        ("rail_ACCA-AWC_alignment_IFC4X3.ifc", 3065, (0.0, 0.0, 0.0)),
    ],
)
def test_real_railways_run_through_their_own_segments(
    run_import: Run, engine: Engine, shared_data: Path, name: str, crs: int, conversion: tuple[float, ...]
) -> None:
    """Every segment's start point and height, as its file has them, lies on the stored line."""
    path = shared_data / "ifc/ifc4x3" / name
    report = run_import(path)
    assert report.status == "imported", report.error
    file = opened(path)
    with engine.connect() as connection:
        rows = {
            row.global_id: row
            for row in connection.execute(select(alignment, func.ST_AsBinary(alignment.c.geom).label("wkb")))
        }
        counts = connection.scalar(select(model.c.attributes))["counts"]
        held = connection.scalar(select(func.count()).select_from(facility))
    assert sum(counts.values()) - counts["products"] == counts["products"] == len(file.by_type("IfcProduct"))
    places = file.by_type("IfcFacility") + file.by_type("IfcFacilityPart") + file.by_type("IfcSite")
    assert held == len([one for one in places if not one.is_a("IfcBuilding")])
    assert rows.keys() == {one.GlobalId for one in file.by_type("IfcAlignment")}
    move = Transformer.from_crs(4326, crs, always_xy=True)
    for line in file.by_type("IfcAlignment"):
        points = shapely.get_coordinates(shapely.from_wkb(bytes(rows[line.GlobalId].wkb)), include_z=True)
        east, north = move.transform(points[:, 0], points[:, 1])
        drawn = shapely.LineString(np.column_stack([east - conversion[0], north - conversion[1]]))
        along = np.concatenate([[0.0], np.hypot(*np.diff(shapely.get_coordinates(drawn), axis=0).T).cumsum()])
        parts = {
            kind: [
                segment.DesignParameters
                for nest in line.IsNestedBy
                for part in nest.RelatedObjects
                if part.is_a(f"IfcAlignment{kind}")
                for inner in part.IsNestedBy
                for segment in inner.RelatedObjects
            ]
            for kind in ("Horizontal", "Vertical")
        }
        starts = [shapely.Point(one.StartPoint.Coordinates) for one in parts["Horizontal"]]
        assert max(drawn.distance(point) for point in starts) < 0.02
        stated = sum(one.SegmentLength for one in parts["Horizontal"])
        assert rows[line.GlobalId].curve_length_m == pytest.approx(stated, abs=0.01)
        for one in parts["Vertical"]:
            if 0.0 <= one.StartDistAlong <= along[-1]:
                assert np.interp(one.StartDistAlong, along, points[:, 2]) == pytest.approx(one.StartHeight, abs=0.02)
