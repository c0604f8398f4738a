"""Heights of pipes that are drawn flat, against pyproj's geodesic and by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import Geod

from layers.sources.pipe_axis import with_axis
from tests.layers.conftest import Ask, Take

GEOD = Geod(ellps="WGS84")


def test_the_axis_falls_evenly_between_the_inverts_half_a_diameter_above_them() -> None:
    bent = shapely.LineString([(114.20, 22.70), (114.201, 22.70), (114.201, 22.703), (114.2, 22.704)])
    parts = shapely.MultiLineString([[(114.20, 22.70), (114.201, 22.70)], [(114.201, 22.70), (114.203, 22.70)]])
    lines = np.array([bent, parts, bent, shapely.force_3d(bent, 7.0), None], object)
    columns = {
        "start_invert_level_m": np.array([50.0, 10.0, None, 50.0, 1.0], object),
        "end_invert_level_m": np.array([40.0, 13.0, 40.0, 40.0, 1.0], object),
        "diameter_mm": np.array([600.0, None, 600.0, 600.0, 1.0], object),
    }
    found = with_axis(lines, columns)
    lon, lat = np.array(bent.coords).T
    along = np.r_[0, np.cumsum(GEOD.line_lengths(lon, lat))]
    z = shapely.get_coordinates(found[0], include_z=True)[:, 2]
    assert z == pytest.approx(50.3 - 10 * along / along[-1], abs=0.02)
    assert shapely.get_coordinates(found[1], include_z=True)[:, 2] == pytest.approx([10, 11, 11, 13])
    # One level says nothing, and heights that are drawn stay.
    assert not found[2].has_z
    assert set(shapely.get_coordinates(found[3], include_z=True)[:, 2]) == {7.0}
    assert found[4] is None


def test_flat_pipes_of_a_file_get_their_heights(take: Take, ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "雨水管.geojson"
    pipe = {"type": "LineString", "coordinates": [[114.2, 22.7], [114.201, 22.7]]}
    said = {"管线编码": "YS1", "管径": 800, "起点高程": 31.0, "终点高程": 30.5, "材质": "砼"}
    features = [{"type": "Feature", "properties": said, "geometry": pipe}]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    take(path, layer="pipes")
    [row] = ask("select st_astext(geom) geom from pipe")
    z = shapely.get_coordinates(shapely.from_wkt(row.geom), include_z=True)[:, 2]
    assert z == pytest.approx([31.4, 30.9])
