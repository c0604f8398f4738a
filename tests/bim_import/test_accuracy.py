"""Every georeferenced file of the shared data against pyproj, from the numbers as they stand in the file: to 1 cm.

Local metres are added in the plane of the map. Another test goes along geodesics, with convergence and point scale
factor as pyproj gives them, so that a wrong sign of either would show.
"""

from __future__ import annotations

import math
import re
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from pyproj import Geod, Proj, Transformer

from bim_import.content import sort_content
from bim_import.extent import middle_m
from bim_import.frame import Frame
from bim_import.geometry import with_body
from bim_import.georeference import Georeference, place_by_file
from bim_import.header import read_header
from bim_import.readable import readable_copy
from bim_import.reader import open_model
from bim_import.statement import read_statement
from tiles.tiles3d.frame import model_to_earth

WGS84 = Geod(ellps="WGS84")
CENTIMETRE = 0.01
#: Around the model's zero, metres.
LOCAL = np.array([[0.0, 0.0, 0.0], [200.0, 0.0, 0.0], [0.0, 200.0, 10.0], [-150.0, -120.0, 3.0]])


class Raw(NamedTuple):
    """What stands in the file."""

    code: int
    easting_m: float
    northing_m: float
    height_m: float
    axis: tuple[float, float]


def raw_conversion(text: str, map_unit_m: float = 1.0) -> Raw:
    """Read IfcMapConversion and IfcProjectedCRS with a pattern, without any IFC library."""
    found = re.search(r"IFCMAPCONVERSION\s*\(([^)]*)\)", text)
    code = re.search(r"IFCPROJECTEDCRS\s*\(\s*'EPSG:(\d+)'", text)
    assert found
    assert code
    numbers = [float(part) if part.strip() != "$" else None for part in found.group(1).split(",")[2:7]]
    east, north, height, abscissa, ordinate = numbers
    assert east is not None
    assert north is not None
    assert height is not None
    axis = (1.0, 0.0) if abscissa is None or ordinate is None else (abscissa, ordinate)
    return Raw(int(code.group(1)), east * map_unit_m, north * map_unit_m, height * map_unit_m, axis)


def raw_property_set(text: str) -> Raw:
    """Read ePSet_MapConversion and ePSet_ProjectedCRS with patterns."""

    text = text[text.index("'ePSet_MapConversion'") :]

    def value(name: str) -> str:
        found = re.search(rf"'{name}',\$,IFC\w+\('?([^')]*)'?\)", text)
        assert found, name
        return found.group(1)

    numbers = [float(value(name)) for name in ("Eastings", "Northings", "OrthogonalHeight")]
    axis = float(value("XAxisAbscissa")), float(value("XAxisOrdinate"))
    return Raw(int(value("Name").removeprefix("EPSG:")), numbers[0], numbers[1], numbers[2], axis)


def expected(raw: Raw, local: np.ndarray) -> np.ndarray:
    """Longitude, latitude and height of model points, by the formula of IfcMapConversion and one pyproj call."""
    length = math.hypot(*raw.axis)
    cosine, sine = raw.axis[0] / length, raw.axis[1] / length
    east = raw.easting_m + local[:, 0] * cosine - local[:, 1] * sine
    north = raw.northing_m + local[:, 0] * sine + local[:, 1] * cosine
    # By WGS 84: PROJ knows operations to it that it does not know to CGCS2000, which is the same to a few centimetres
    # and taken as the same here.
    longitude, latitude = Transformer.from_crs(raw.code, 4326, always_xy=True).transform(east, north)
    return np.column_stack([longitude, latitude, raw.height_m + local[:, 2]])


def read(path: Path, tmp_path: Path) -> tuple[Georeference, str]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            path = Path(archive.extract(archive.namelist()[0], tmp_path))
    header = read_header(path)
    readable = readable_copy(path, header, tmp_path)
    model = open_model(readable.path, header, readable.notes)
    content = sort_content(model.file)
    products: Any = with_body([*content.elements, *content.spaces]) or model.file.by_type("IfcProduct")
    middle = middle_m(model.file, products, model.metres_per_unit)
    statement = read_statement(model.file, path.name, middle, model.metres_per_unit)
    return place_by_file(statement, None, "EPSG:4547"), path.read_text("latin-1")


FILES = {
    "ifc2x3/Duplex_A_georeferenced.ifc": "property sets",
    "ifc4/PCERT_Building-Architecture.ifc": 0.001,
    "ifc4/PCERT_Building-Structural.ifc": 0.001,
    "ifc4/PCERT_Building-Hvac.ifc": 0.001,
    "ifc4x3/rail_ACCA-10_Benevento.ifc.zip": 1.0,
    "ifc4x3/rail_ACCA-02_SantaMaria.ifc.zip": 1.0,
    "ifc4x3/rail_ACCA-AWC_alignment_IFC4X3.ifc": 1.0,
    "ifc4x3/rail_SBB_AL01_LV95.ifc": 1.0,
    "ifc4x3/linear-placement-of-signal.ifc": 1.0,
    "ifc4x3/DrainageSystem-2_RC3.ifc": 1.0,
    "ifc4x3/earthworks_12d_EPSG7856_RC3.ifc": 1.0,
}


@pytest.mark.shared
@pytest.mark.parametrize("name", FILES)
def test_every_georeferenced_file_to_a_centimetre(shared_data: Path, tmp_path: Path, name: str) -> None:
    found, text = read(shared_data / "ifc" / name, tmp_path)
    unit = FILES[name]
    raw = raw_property_set(text) if isinstance(unit, str) else raw_conversion(text, unit)
    # Points 200 m from where the geometry is: for absolute coordinates that is far from the file's zero.
    offset = np.asarray(found.offset_m)
    points = expected(raw, LOCAL + offset)
    frame = Frame(found)
    ours = frame.geographic(LOCAL[:, :2])
    heights = [frame.height_m(z) for z in LOCAL[:, 2]]
    assert WGS84.inv(*ours.T, *points[:, :2].T)[2].max() < CENTIMETRE
    assert heights == pytest.approx(points[:, 2], abs=CENTIMETRE)
    check_tileset(found, points)


def check_tileset(found: Georeference, points: np.ndarray) -> None:
    """The tileset's matrix and the same points, by way of the ellipsoid."""
    earth = np.column_stack(Transformer.from_crs(4979, 4978, always_xy=True).transform(*points.T))
    matrix = model_to_earth(found.crs.to_wkt(), found.placement.ravel(), [0.0, 0.0, 0.0])
    ours = np.column_stack([LOCAL, np.ones(len(LOCAL))]) @ matrix.T
    assert np.linalg.norm(ours[:, :3] - earth, axis=1).max() < CENTIMETRE


@pytest.mark.shared
def test_the_track_at_benevento_is_taken_for_local_there(shared_data: Path, tmp_path: Path) -> None:
    """Its elements are placed along a curve that begins 46 km away; the offset is near them."""
    found, _ = read(shared_data / "ifc/ifc4x3/rail_ACCA-10_Benevento.ifc.zip", tmp_path)
    assert found.method == "absolute_coordinates"
    assert found.degrees() == pytest.approx((14.757, 41.141), abs=0.02)


@pytest.mark.parametrize(
    ("code", "easting", "northing"),
    [(25832, 250000.0, 5438232.0), (4547, 540000.0, 2512000.0), (2056, 2759000.0, 1222000.0), (3547, 5.5e6, 3.9e6)],
)
@pytest.mark.parametrize("turn_deg", [0.0, 74.3, 200.0])
def test_convergence_and_scale_along_geodesics(
    make_house: Any, tmp_path: Path, code: int, easting: float, northing: float, turn_deg: float
) -> None:
    made = make_house(place=False)
    feet = 1200 / 3937 if code == 3547 else 1.0
    made.georeference(easting, northing, 5.0, turn_deg, 1.0 / feet, f"EPSG:{code}")
    made.file.by_type("IfcProjectedCRS")[0].MapUnit = None
    found, _ = read(made.write(tmp_path / "house.ifc"), tmp_path)
    origin = Transformer.from_crs(code, 4326, always_xy=True).transform(easting, northing)
    datum = Proj(code)(easting, northing, inverse=True)
    factors = Proj(code).get_factors(*datum)
    for x, y in ((200.0, 0.0), (0.0, 200.0), (-140.0, 90.0)):
        bearing = 90.0 - (turn_deg + math.degrees(math.atan2(y, x)))  # clockwise from grid north
        azimuth = bearing + factors.meridian_convergence
        there = WGS84.fwd(*origin, azimuth, math.hypot(x, y) / factors.meridional_scale)[:2]
        ours = Frame(found).geographic(np.array([[x, y]]))[0]
        assert WGS84.inv(*ours, *there)[2] < CENTIMETRE
    check_tileset(found, np.column_stack([Frame(found).geographic(LOCAL[:, :2]), LOCAL[:, 2] + 5.0 * feet]))


@pytest.mark.shared
def test_the_house_at_karlsruhe_stands_where_its_site_says(shared_data: Path, tmp_path: Path) -> None:
    """georef-utm has its scale upside down; put right it stands where its latitude and longitude say, to a metre."""
    text = (shared_data / "ifc/ifc4x3/georef-utm.ifc").read_text("latin-1")
    assert text.count("0.962691746426,1000.)") == 1
    path = tmp_path / "righted.ifc"
    path.write_text(text.replace("0.962691746426,1000.)", "0.962691746426,0.001)"))
    found, _ = read(path, tmp_path / "copy")
    assert found.notes == []
    site = 8 + 26 / 60 + 1.2473 / 3600, 49 + 5 / 60 + 43.9837 / 3600
    assert WGS84.inv(*found.degrees(), *site)[2] < 1.0
    matrix = model_to_earth("EPSG:25832", found.placement.ravel(), [0.0, 0.0, 0.0])
    raw = raw_conversion(text)
    points = expected(raw, LOCAL)
    earth = np.column_stack(Transformer.from_crs(4979, 4978, always_xy=True).transform(*points.T))
    ours = np.column_stack([LOCAL, np.ones(len(LOCAL))]) @ matrix.T
    assert np.linalg.norm(ours[:, :3] - earth, axis=1).max() < CENTIMETRE
