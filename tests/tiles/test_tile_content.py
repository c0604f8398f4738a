"""Random tiles of two real places against what shapely and pyproj say lies in them, read by two decoders.

Coordinates are compared in units of a tile's grid: 4096 a side, y down, 64 units of buffer around it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import mapbox_vector_tile
import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import Geod, Transformer
from sqlalchemy import Connection, func, select

from cim.access import Caller
from cim.db import make_engine
from cim.importing import ImportContext, ImportOptions, import_paths, importers
from cim.settings import Settings
from cim.tables import conflict, layer, metadata, model
from district.make import make_district
from district.scales import SCALES
from tiles.mvt import build_tile

ADMIN = Caller("admin")
HALF_WORLD = 20037508.342789244
FRAME = shapely.box(-64, -64, 4160, 4160)
TO_MERCATOR = Transformer.from_crs("EPSG:4490", "EPSG:3857", always_xy=True)
GEOD = Geod(ellps="GRS80")

TILES = {"neighbourhood": 220, "liechtenstein": 80}
LAYERS_A_TILE = 3
#: Small scales are asked less often: they hold a whole place.
ZOOMS = (10, 11, 12, 13, *(14, 15, 16, 17) * 4)
FULL_DETAIL_ZOOM = 14
#: Layers of all kinds of geometry, and those of them that small scales show by size alone.
LAYERS = ("buildings", "roads", "road_nodes", "rivers", "river_areas", "pipes", "pipe_nodes", "admin_areas")
LAYERS_BY_SIZE = ("roads", "rivers")
#: What of the small district holds them.
FILES = (
    "gis/buildings.gpkg", "registers/buildings.csv", "gis/roads.gpkg", "gis/rivers.geojson", "gis/river_areas.geojson",
    "gis/water_supply.gpkg", "gis/admin.gpkg",
)  # fmt: skip
#: Rounding to the grid moves a vertex by half a unit in each direction; where the frame cuts a shape, PostGIS rounds
#: the vertex outside and then the cut itself.
ROUNDING = 0.708
#: Half a pixel of 512 a tile, which is what simplification may move a line by.
SIMPLIFIED = 4.0


class Objects(NamedTuple):
    """All objects of a layer: ids, geometry in EPSG:3857, length on the ellipsoid, attributes as the model has them."""

    min_zoom: int
    fields: dict[str, Any]
    ids: np.ndarray
    geometries: np.ndarray
    lengths_m: np.ndarray
    rows: list[dict[str, Any]]
    tree: shapely.STRtree


class Asked(NamedTuple):
    """A tile and the layers that it is to have."""

    z: int
    x: int
    y: int
    layers: list[str]

    @property
    def is_full(self) -> bool:
        """Tell whether the tile holds everything."""
        return self.z >= FULL_DETAIL_ZOOM

    @property
    def tolerance(self) -> float:
        """Return by how much a vertex may move that the frame does not cut."""
        return ROUNDING + (0.0 if self.is_full else SIMPLIFIED)


class Place(NamedTuple):
    """A place in a database of its own."""

    name: str
    connection: Connection
    layers: dict[str, Objects]


@pytest.fixture(
    scope="module",
    params=["neighbourhood", pytest.param("liechtenstein", marks=[pytest.mark.shared, pytest.mark.slow])],
)
def place(request: pytest.FixtureRequest, clone_database: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The small district with two sources of its buildings, and Liechtenstein as OpenStreetMap has it."""
    folder = tmp_path_factory.mktemp(request.param, numbered=False)
    if request.param == "neighbourhood":
        make_district(folder / "district", SCALES["sample"], 7, only="gis")
        paths = [folder / "district" / name for name in FILES]
    else:
        shared: Path = request.getfixturevalue("shared_data")
        paths = [shared / "place_liechtenstein" / "liechtenstein-2022-07.osm.pbf"]
    yield from imported(clone_database, paths, folder)


def imported(clone_database: Any, paths: list[Path], folder: Path) -> Iterator[Place]:
    """Import files into a new database and read all objects of it."""
    with clone_database() as url:
        engine = make_engine(url)
        known = [importer for importer in importers() if importer.name != "ifc"]
        context = ImportContext(ImportOptions(), Settings(home=folder / "home", database_url=url))
        list(import_paths(engine, paths, context, known))
        with engine.connect() as connection:
            found = {layer_id: read_objects(connection, layer_id) for layer_id in LAYERS}
            yield Place(folder.name, connection, {name: objects for name, objects in found.items() if len(objects.ids)})
        engine.dispose()


def read_objects(connection: Connection, layer_id: str) -> Objects:
    """Read a layer from its table without any of the tiles' code."""
    columns = (layer.c.table_name, layer.c.min_zoom, layer.c.fields)
    entry = connection.execute(select(*columns).where(layer.c.id == layer_id)).one()
    table = metadata.tables[f"cim.{entry.table_name}"]
    shown = [column for column in table.c if column.name not in {"geom", "geom_3857"}]
    query = select(func.ST_AsBinary(table.c.geom).label("wkb"), *shown).where(
        table.c.layer_id == layer_id, table.c.geom.is_not(None)
    )
    rows = [dict(row._mapping) for row in connection.execute(query)]
    degrees = shapely.force_2d(shapely.from_wkb([bytes(row.pop("wkb")) for row in rows]))
    if entry.table_name == "building":
        count_conflicts(connection, rows)
    projected = shapely.transform(degrees, lambda points: np.column_stack(TO_MERCATOR.transform(*points.T)))
    lengths = np.array([GEOD.geometry_length(shape) for shape in degrees])
    ids = np.array([row["id"] for row in rows])
    return Objects(entry.min_zoom, entry.fields, ids, projected, lengths, rows, shapely.STRtree(projected))


def count_conflicts(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Add to buildings what other tables say of them."""
    disputed = Counter(connection.scalars(select(conflict.c.building_id).where(conflict.c.status == "open")))
    drawn = set(connection.scalars(select(model.c.building_id)))
    for row in rows:
        row |= {"conflicts": disputed[row["id"]], "has_model": row["id"] in drawn}


def random_tiles(layers: dict[str, Objects], count: int) -> list[Asked]:
    """Return tiles around points in the bounds of random objects, the same ones every time."""
    random = np.random.default_rng(20250601)
    tiles: list[Asked] = []
    while len(tiles) < count:
        zoom = int(random.choice(ZOOMS))
        names = [name for name in (LAYERS if zoom >= FULL_DETAIL_ZOOM else LAYERS_BY_SIZE) if name in layers]
        names = [str(name) for name in random.permutation(names)[:LAYERS_A_TILE]]
        west, south, east, north = shapely.bounds(random.choice(layers[names[0]].geometries))
        side = 2 * HALF_WORLD / 2**zoom
        x = (random.uniform(west, east) + HALF_WORLD) // side
        y = (HALF_WORLD - random.uniform(south, north)) // side
        tiles.append(Asked(zoom, int(x), int(y), names))
    return tiles


def test_random_tiles_hold_what_lies_in_them(place: Place, tmp_path: Path) -> None:
    features: Counter[str] = Counter()
    for tile in random_tiles(place.layers, TILES[place.name]):
        body = build_tile(place.connection, tile.layers, tile.z, tile.x, tile.y, ADMIN)
        decoded = decode(body)
        ids = {name: sorted(each["id"] for each in found) for name, found in decoded.items()}
        assert ids_by_gdal(body, tile, tmp_path) == ids
        for name in tile.layers:
            check_layer(place.layers[name], tile, decoded.get(name, []), f"{name} in {tile}")
        features.update({name: len(found) for name, found in ids.items()})
    # All kinds of geometry were met, and no layer only by a few of its objects.
    assert features.keys() == place.layers.keys()
    assert features["buildings"] > 2_000
    assert features["roads"] > 500


def decode(body: bytes | None) -> dict[str, list[dict[str, Any]]]:
    """Decode a tile with mapbox-vector-tile."""
    if body is None:
        return {}
    tile = mapbox_vector_tile.decode(body, default_options={"y_coord_down": True})
    assert all(content["extent"] == 4096 and content["version"] == 2 for content in tile.values())
    return {name: content["features"] for name, content in tile.items()}


def ids_by_gdal(body: bytes | None, tile: Asked, folder: Path) -> dict[str, list[int]]:
    """Read the ids of a tile's features with GDAL."""
    if body is None:
        return {}
    path = folder / "tile.mvt"
    path.write_bytes(body)
    options = {"X": str(tile.x), "Y": str(tile.y), "Z": str(tile.z), "CLIP": "NO"}
    found = {}
    for name, _ in pyogrio.list_layers(path):
        _, _, _, (ids,) = pyogrio.raw.read(path, layer=name, columns=["mvt_id"], read_geometry=False, **options)
        found[name] = sorted(ids.tolist())
    return found


def check_layer(objects: Objects, tile: Asked, found: list[dict[str, Any]], where: str) -> None:
    """Compare one layer of a tile with the objects that lie there."""
    ids = [each["id"] for each in found]
    assert len(ids) == len(set(ids)), f"{where}: an object is there twice"
    near, shapes = near_tile(objects, tile)
    position = {int(objects.ids[index]): order for order, index in enumerate(near)}
    assert set(ids) <= position.keys(), f"{where}: objects from elsewhere"
    order = np.array([position[each] for each in ids], dtype=int)
    others = np.delete(np.arange(len(near)), order)
    missing = others[is_surely_drawn(objects, near[others], shapes[others], tile)]
    assert not len(missing), f"{where}: {objects.ids[near[missing]]} missing"
    if not tile.is_full:
        assert (objects.lengths_m[near[order]] > 0.999 * ground_pixel_m(tile)).all(), f"{where}: too short to be there"
    expected = [attributes(objects, objects.rows[index], tile.z) for index in near[order]]
    assert [each["properties"] for each in found] == expected, where
    drawn = np.array([shapely.geometry.shape(each["geometry"]) for each in found], dtype=object)
    check_geometry(drawn, shapes[order], tile.tolerance, where)


def near_tile(objects: Objects, tile: Asked) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the objects that touch a tile with its buffer, and their geometry in its grid."""
    side = 2 * HALF_WORLD / 2**tile.z
    origin, scale = np.array([tile.x * side - HALF_WORLD, HALF_WORLD - tile.y * side]), np.array([4096, -4096]) / side
    frame = shapely.transform(frame_widened(tile.tolerance), lambda points: points / scale + origin)
    near = objects.tree.query(frame, predicate="intersects")
    return near, shapely.transform(objects.geometries[near], lambda points: (points - origin) * scale)


def frame_widened(units: float) -> Any:
    return FRAME.buffer(units, join_style="mitre")


def is_surely_drawn(objects: Objects, near: np.ndarray, shapes: np.ndarray, tile: Asked) -> np.ndarray:
    """Tell of objects whether a tile must have them: they do not vanish when rounded, simplified and cut."""
    if tile.z < objects.min_zoom:
        return np.zeros(len(near), dtype=bool)
    inside = shapely.intersection(shapes, frame_widened(-tile.tolerance))
    west, south, east, north = shapely.bounds(inside).reshape(-1, 4).T
    # A small ring may close up to a point, where an open line leaves its two ends.
    least = np.where(shapely.is_closed(shapely.line_merge(shapes)), 4, 2) * tile.tolerance
    has_core = ~shapely.is_empty(shapely.buffer(inside, -tile.tolerance))
    is_long = np.fmax(east - west, north - south) > least
    kinds = shapely.get_dimensions(shapes)
    surely = np.select([kinds == 2, kinds == 1], [has_core, is_long], default=~shapely.is_empty(inside))
    is_shown = objects.lengths_m[near] > (0.0 if tile.is_full else 1.001) * ground_pixel_m(tile)
    return np.asarray(surely, dtype=bool) & (is_shown | tile.is_full)


def ground_pixel_m(tile: Asked) -> float:
    """Return the metres of one of 512 pixels at the latitude of the tile's middle."""
    latitude = np.arctan(np.sinh(np.pi * (1 - (2 * tile.y + 1) / 2**tile.z)))
    return float(2 * np.pi * 6378137.0 * np.cos(latitude) / 2**tile.z / 512)


def attributes(objects: Objects, row: dict[str, Any], zoom: int) -> dict[str, Any]:
    """Return what a tile should say of an object, by the catalogue's allow-list."""
    shown = {}
    for name, field in objects.fields.items():
        value = row[name] if name in row else row["attributes"].get(name)
        if isinstance(value, datetime):
            value = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if field.get("min_zoom", 0) <= zoom and value is not None and not isinstance(value, dict | list):
            shown[field.get("tile_name", name)] = float(value) if isinstance(value, Decimal) else value
    return shown


def check_geometry(drawn: np.ndarray, shapes: np.ndarray, tolerance: float, where: str) -> None:
    """Compare shapes by their Hausdorff distance; those that have parts thinner than the grid by what surrounds them.

    A part of an area that is thinner than the grid vanishes, a cut in two along the frame is one or the other.
    """
    bounds = shapely.bounds(drawn).reshape(-1, 4)
    assert (bounds[:, :2] >= -64).all(), f"{where}: beyond the buffer"
    assert (bounds[:, 2:] <= 4160).all(), f"{where}: beyond the buffer"
    cut = ~shapely.covers(frame_widened(-tolerance), shapes)
    expected = shapes.copy()
    expected[cut] = shapely.intersection(shapes[cut], FRAME)
    limit = np.where(cut, tolerance + ROUNDING, tolerance)
    far = ~(shapely.hausdorff_distance(drawn, expected) <= limit)
    assert far[~cut].sum() <= max(2, 0.01 * len(drawn)), f"{where}: other shapes"
    drawn, shapes, limit = drawn[far], shapes[far], limit[far]
    assert shapely.covers(shapely.buffer(shapes, 1.01 * limit), drawn).all(), f"{where}: drawn where nothing is"
    core = shapely.intersection(shapes, frame_widened(-2 * tolerance))
    core = np.where(shapely.get_dimensions(shapes) == 2, shapely.buffer(core, -limit), core)
    missed = shapely.difference(core, shapely.buffer(drawn, 1.01 * limit))
    assert shapely.is_empty(missed).all(), f"{where}: not drawn where it is"
