"""Our tiles against the rules of the Mapbox Vector Tile specification 2.1, by a checker that its own fixtures check.

The fixtures are those of mapbox/mvt-fixtures (CC0): tiles of which ``info.json`` says whether a reader of version 2 may
accept them. Numbers of clauses are those of the specification.
"""

from __future__ import annotations

import gzip
import json
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from sqlalchemy import Connection, Engine, select

from cim.access import Caller
from cim.errors import NotFound
from cim.importing import ImportContext, ImportOptions, import_paths, importers
from cim.settings import Settings
from cim.tables import layer
from tests.tiles.conftest import LATITUDE, LONGITUDE
from tests.tiles.test_mvt import tile_at
from tiles.mvt import build_tile
from tiles.tilejson import tilejson

ADMIN = Caller("admin")
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MOVE_TO, LINE_TO, CLOSE_PATH = 1, 2, 7
UNKNOWN, POINT, LINE, POLYGON = range(4)
#: Field number -> wire types, of the messages of vector_tile.proto 2.1.
LAYER = {15: (VARINT,), 1: (BYTES,), 2: (BYTES,), 3: (BYTES,), 4: (BYTES,), 5: (VARINT,)}
FEATURE = {1: (VARINT,), 2: (BYTES, VARINT), 3: (VARINT,), 4: (BYTES,)}
VALUE = {1: (BYTES,), 2: (FIXED32,), 3: (FIXED64,), 4: (VARINT,), 5: (VARINT,), 6: (VARINT,), 7: (VARINT,)}
#: Fixtures called valid that are not by the text of version 2, and why.
DISPUTED = {
    "016": "no type of geometry",  # to the byte the same tile as 003, which is called invalid
    "039": "version",  # a layer of version 1
    "057": "fewer coordinates",  # says 536,870,911 points and holds one, as 051 does, which is called invalid
}
#: Layers with something in the tiles of the tests, in the order asked for.
DRAWN = ("buildings", "roads", "admin_areas", "cameras")


class Malformed(Exception):
    """A tile breaks a rule of the specification."""


class Field(NamedTuple):
    """One field of a protobuf message."""

    number: int
    wire: int
    value: Any


class Feature(NamedTuple):
    """A feature as it is encoded; parts are rings, lines or single points with coordinates in units of the grid."""

    id: int | None
    kind: int
    parts: list[list[tuple[int, int]]]
    tags: list[int]


class Layer(NamedTuple):
    """A layer that keeps the rules."""

    name: str
    extent: int | None
    keys: list[str]
    values: list[bytes]
    features: list[Feature]


def need(holds: bool, rule: str) -> None:
    if not holds:
        raise Malformed(rule)


def varint(data: bytes, start: int) -> tuple[int, int]:
    """Return a number of base 128 and where it ends."""
    number = shift = 0
    for position in range(start, min(start + 10, len(data))):
        number |= (data[position] & 0x7F) << shift
        shift += 7
        if data[position] < 0x80:
            return number, position + 1
    raise Malformed("a number is cut off")


def fields(data: bytes, known: Mapping[int, tuple[int, ...]]) -> Iterator[Field]:
    """Read a message; fields that the specification does not name are refused."""
    position = 0
    while position < len(data):
        tag, position = varint(data, position)
        number, wire = tag >> 3, tag & 7
        need(wire in known.get(number, ()), f"field {number} of wire type {wire} is not in the specification")
        if wire == VARINT:
            value, position = varint(data, position)
            yield Field(number, wire, value)
            continue
        size, position = varint(data, position) if wire == BYTES else (8 if wire == FIXED64 else 4, position)
        need(position + size <= len(data), "a field is cut off")
        yield Field(number, wire, data[position : position + size])
        position += size


def single(found: Sequence[Field], number: int) -> Any:
    """Return the value of a field that may be there once, or None."""
    values = [field.value for field in found if field.number == number]
    need(len(values) <= 1, f"field {number} is there {len(values)} times")
    return values[0] if values else None


def numbers(found: Sequence[Field], number: int) -> list[int]:
    """Return a repeated field of numbers, packed or not."""
    result = []
    for field in found:
        if field.number == number and field.wire == VARINT:
            result.append(field.value)
        elif field.number == number:
            position = 0
            while position < len(field.value):
                value, position = varint(field.value, position)
                result.append(value)
    return result


def read_tile(data: bytes) -> list[Layer]:
    """Return the layers of a tile.

    Raises
    ------
    Malformed
        Where the tile breaks a rule that a reader of version 2 must know.
    """
    layers = [read_layer(field.value) for field in fields(data, {3: (BYTES,)})]
    names = [each.name for each in layers]
    need(len(set(names)) == len(names), "two layers have one name (4.1)")
    return layers


def read_layer(data: bytes) -> Layer:
    found = list(fields(data, LAYER))
    need(single(found, 15) == 2, "the version of a layer is not 2 (4.1)")
    name = single(found, 1)
    need(bool(name), "a layer has no name (4.1)")
    keys = [field.value.decode() for field in found if field.number == 3]
    values = [field.value for field in found if field.number == 4]
    for value in values:
        need(len(list(fields(value, VALUE))) == 1, "a value has not exactly one type (4.1)")
    features = [read_feature(field.value) for field in found if field.number == 2]
    for feature in features:
        need(len(feature.tags) % 2 == 0, "tags are not pairs (4.4)")
        need(all(tag < len(keys) for tag in feature.tags[::2]), "a tag names a key that is not there (4.4)")
        need(all(tag < len(values) for tag in feature.tags[1::2]), "a tag names a value that is not there (4.4)")
    return Layer(name.decode(), single(found, 5), keys, values, features)


def read_feature(data: bytes) -> Feature:
    found = list(fields(data, FEATURE))
    kind = single(found, 3)
    need(kind in {UNKNOWN, POINT, LINE, POLYGON}, "a feature has no type of geometry (4.2, 4.3.4)")
    need(single(found, 4) is not None, "a feature has no geometry (4.2)")
    steps = numbers(found, 4)
    return Feature(single(found, 1), kind, [] if kind == UNKNOWN else read_parts(steps, kind), numbers(found, 2))


def read_parts(steps: list[int], kind: int) -> list[list[tuple[int, int]]]:
    """Follow the commands of a geometry (4.3)."""
    parts: list[list[tuple[int, int]]] = []
    commands: list[tuple[int, int]] = []
    position = x = y = 0
    while position < len(steps):
        command, count = steps[position] & 7, steps[position] >> 3
        position += 1
        commands.append((command, count))
        if command == CLOSE_PATH:
            continue
        need(command in {MOVE_TO, LINE_TO}, f"there is no command {command} (4.3.1)")
        need(count > 0 and position + 2 * count <= len(steps), "a command has fewer coordinates than it says (4.3.2)")
        for dx, dy in zip(*[map(unzigzag, steps[position : position + 2 * count])] * 2, strict=True):
            need(command == MOVE_TO or (dx, dy) != (0, 0), "a line goes nowhere (4.3.3.2)")
            x, y = x + dx, y + dy
            if command == MOVE_TO:
                parts.append([])
            need(bool(parts), "a geometry does not begin with MoveTo (4.3.4)")
            parts[-1].append((x, y))
        position += 2 * count
    check_commands(commands, kind)
    return check_rings(parts) if kind == POLYGON else parts


def unzigzag(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


def check_commands(commands: list[tuple[int, int]], kind: int) -> None:
    """Check the order of commands: a point moves once, a line moves and draws, a ring closes as well."""
    if kind == POINT:
        need(len(commands) == 1 and commands[0][0] == MOVE_TO, "a point is not one MoveTo (4.3.4.2)")
        return
    pattern = (MOVE_TO, LINE_TO) if kind == LINE else (MOVE_TO, LINE_TO, CLOSE_PATH)
    need(bool(commands) and len(commands) % len(pattern) == 0, "a part is not whole (4.3.4)")
    for number, (command, count) in enumerate(commands):
        need(command == pattern[number % len(pattern)], "commands are out of order (4.3.4)")
        need(command == LINE_TO or count == 1, "MoveTo or ClosePath is not one (4.3.4)")
        need(command != LINE_TO or kind == LINE or count > 1, "a ring has fewer than three corners (4.3.4.4)")


def check_rings(rings: list[list[tuple[int, int]]]) -> list[list[tuple[int, int]]]:
    """Check that an exterior ring comes first and that no ring is without area (4.3.4.4)."""
    areas = [doubled_area(ring) for ring in rings]
    need(all(areas), "a ring has no area (4.3.4.4)")
    need(areas[0] > 0, "the first ring is not an exterior one (4.3.4.4)")
    return rings


def doubled_area(ring: list[tuple[int, int]]) -> int:
    """Return twice the area by the surveyor's formula; y goes down, exterior rings are positive."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], ring[0]], strict=True))


def check_ours(data: bytes, names: Sequence[str]) -> list[int | None]:
    """Check what we promise beyond the specification; returns the ids."""
    layers = read_tile(data)
    assert [each.name for each in layers] == [name for name in names if name in {each.name for each in layers}]
    for each in layers:
        assert each.extent == 4096
        assert each.features
        assert len(set(each.keys)) == len(each.keys)
        assert len(set(each.values)) == len(each.values)
        assert {tag for feature in each.features for tag in feature.tags[1::2]} == set(range(len(each.values)))
        for feature in each.features:
            check_our_feature(feature)
        assert len({feature.id for feature in each.features}) == len(each.features)
    return [feature.id for each in layers for feature in each.features]


def check_our_feature(feature: Feature) -> None:
    assert feature.id is not None
    assert feature.id > 0
    assert feature.kind != UNKNOWN
    keys = feature.tags[::2]
    assert len(set(keys)) == len(keys)
    assert all(-64 <= value <= 4160 for part in feature.parts for point in part for value in point)
    if feature.kind == POLYGON:
        polygons: list[list[Any]] = []
        for ring in feature.parts:
            if doubled_area(ring) > 0:
                polygons.append([ring])
            else:
                polygons[-1].append(ring)
        assert shapely.MultiPolygon([shapely.Polygon(shell, holes) for shell, *holes in polygons]).is_valid


@pytest.fixture(scope="module")
def fixtures(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published fixtures, unpacked."""
    folder = tmp_path_factory.mktemp("mvt")
    with tarfile.open(shared_data / "conformance" / "mvt-fixtures.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "mvt-fixtures"


@pytest.mark.shared
def test_the_checker_agrees_with_the_published_fixtures(fixtures: Path) -> None:
    seen: Counter[bool] = Counter()
    for folder in sorted((fixtures / "fixtures").iterdir()):
        is_valid = json.loads((folder / "info.json").read_text())["validity"]["v2"]
        tile = (folder / "tile.mvt").read_bytes()
        seen[is_valid] += 1
        if is_valid and folder.name not in DISPUTED:
            read_tile(tile)
            continue
        with pytest.raises(Malformed, match=DISPUTED.get(folder.name)):
            read_tile(tile)
    assert seen == {True: 46, False: 28}


@pytest.mark.shared
def test_the_checker_reads_real_tiles_of_others(fixtures: Path) -> None:
    features = 0
    for path in sorted((fixtures / "real-world").rglob("*.mvt*"))[::3]:
        body = path.read_bytes()
        body = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
        counts = {name: len(content["features"]) for name, content in mapbox_vector_tile.decode(body).items()}
        assert {each.name: len(each.features) for each in read_tile(body)} == counts
        features += sum(counts.values())
    assert features > 2_000


def ring(half_m: float, x_m: float, y_m: float) -> Any:
    """Return the corners of a square about the middle of the pilot district, counter-clockwise."""
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half_m + [x_m, y_m]
    return corners / [102_800.0, 110_750.0] + [LONGITUDE, LATITUDE]


@pytest.fixture
def awkward(add_rows: Any, footprints: list[Any]) -> int:
    """Shapes that are hard to encode, wound both ways: holes, slivers, rings that touch, specks."""
    holes = [ring(3, x, y)[::step] for x, y, step in ((-20, -20, 1), (20, 20, -1), (20, -20, 1))]
    polygons = [
        shapely.Polygon(ring(50, 0, 0), holes),
        shapely.Polygon(ring(60, 200, 0)[::-1], [ring(59.7, 200, 0)]),
        shapely.Polygon(np.vstack([ring(30, 400, 0), ring(30, 340, 60)[[0]]])),
        shapely.Polygon(ring(0.02, 0, 300)),
        shapely.Polygon([(LONGITUDE, LATITUDE), (LONGITUDE + 0.02, LATITUDE), (LONGITUDE + 0.02, LATITUDE + 1e-6)]),
    ]
    islands = shapely.MultiPolygon([shapely.Polygon(ring(5, 10 * x, -300 + 10 * x)) for x in range(8)])
    rows = [{"geom": shapely.MultiPolygon([each])} for each in polygons] + [{"geom": islands}]
    add_rows("building", "buildings", [*rows, *({"geom": shape, "name": "甲"} for shape in footprints)])
    there = ring(300, 0, 0)
    lines = [[*there, *there[::-1]], there[[0, 0, 1]], ring(0.01, 0, 0), [(113.0, 22.0), (115.0, 23.5)]]
    add_rows("road", "roads", [{"geom": shapely.MultiLineString([line]), "name": "道"} for line in lines])
    add_rows("feature", "admin_areas", [{"geom": shapely.Point(LONGITUDE, LATITUDE).buffer(0.5, quad_segs=90)}])
    point = shapely.Point(LONGITUDE, LATITUDE)
    add_rows("camera", "cameras", [{"geom": point, "mount_height_m": 6.5}, {"geom": point, "mount_height_m": 6.5}])
    return len(rows) + len(footprints) + len(lines) + 3


def test_awkward_shapes_make_well_formed_tiles(connection: Connection, awkward: int) -> None:
    seen: set[int | None] = set()
    for z in range(19):
        x, y = tile_at(LONGITUDE, LATITUDE, z)
        for step_x, step_y in ((0, 0), (1, 0), (0, 1), (-1, -1)):
            if not (0 <= x + step_x < 2**z and 0 <= y + step_y < 2**z):
                continue
            body = build_tile(connection, DRAWN, z, x + step_x, y + step_y, ADMIN)
            seen.update(check_ours(body, DRAWN) if body is not None else [])
    # What is as small as a grid of 2 cm may round to nothing, and some stand where no tile of full detail was asked.
    assert 0.7 * awkward < len(seen) <= awkward


@pytest.mark.shared
def test_tiles_of_a_real_town_are_well_formed(
    engine: Engine, connection: Connection, settings: Settings, shared_data: Path
) -> None:
    known = [importer for importer in importers() if importer.name != "ifc"]
    path = shared_data / "osm" / "monaco-2021.osm.pbf"
    [report] = import_paths(engine, [path], ImportContext(ImportOptions(), settings), known)
    names = [name for name in report.layers if tiled(connection, name)]
    features: Counter[int] = Counter()
    for z in (10, 12, 14, 16):
        (west, north), (east, south) = tile_at(7.405, 43.755, z), tile_at(7.445, 43.72, z)
        for x in range(west, east + 1):
            for y in range(north, south + 1):
                body = build_tile(connection, names, z, x, y, ADMIN)
                features[z] += len(check_ours(body, names)) if body is not None else 0
    assert features[10] > 0
    assert features[16] > features[14] > 1_000


def tiled(connection: Connection, name: str) -> bool:
    """Tell whether a layer has vector tiles."""
    try:
        tilejson(connection, [name], "", ADMIN)
    except NotFound:
        return False
    return True


def test_every_layer_has_a_valid_document(connection: Connection, shared_data: Path) -> None:
    schema = json.loads((shared_data / "conformance" / "tilejson" / "schema-3.0.0.json").read_text())
    names = [name for name in connection.scalars(select(layer.c.id)) if tiled(connection, name)]
    assert {"buildings", "pipes", "roads", "cameras"} < set(names)
    for name in names:
        document = tilejson(connection, [name], "http://localhost:8000", ADMIN)
        jsonschema.validate(document, schema)
        # what the schema leaves to the text of the specification
        assert document["tilejson"] == "3.0.0"
        assert 0 <= document["minzoom"] <= document["center"][2] <= document["maxzoom"] <= 30
        west, south, east, north = document["bounds"]
        assert -180 <= west <= document["center"][0] <= east <= 180
        assert -90 <= south <= document["center"][1] <= north <= 90
        [entry] = document["vector_layers"]
        assert entry["id"] == name
        assert document["minzoom"] <= entry["minzoom"] <= entry["maxzoom"] <= document["maxzoom"]
        assert all(isinstance(title, str) for title in entry["fields"].values())


def test_documents_name_all_that_tiles_carry(connection: Connection, awkward: int) -> None:
    for name in DRAWN:
        document = tilejson(connection, [name], "", ADMIN)
        x, y = tile_at(LONGITUDE, LATITUDE, 15)
        body = build_tile(connection, [name], 15, x, y, ADMIN)
        assert body is not None
        [found] = read_tile(body)
        assert found.name == document["vector_layers"][0]["id"]
        assert set(found.keys) <= document["vector_layers"][0]["fields"].keys()
