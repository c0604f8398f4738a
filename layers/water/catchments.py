"""Catchments of rivers from the terrain: the ground from which water reaches a river before any other.

Water runs from pixel to pixel down the steepest way (D8) over the terrain with its depressions filled (Wang and Liu
2006, as pyflwdir does it). The rivers are cut into the terrain first, so that they lie where the map has them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize, shapes
from sqlalchemy import Connection, Row, func, select

from cim.crs import CrsTransform, from_geographic, to_geographic
from cim.db import copy_rows
from cim.errors import NotFound, TooLarge
from cim.provenance import touch_layers
from cim.tables import GEOGRAPHIC_SRID, river, terrain
from layers.networks.network import shapes_of
from layers.sources.batch import as_json
from layers.sources.raster import terrain_folder
from layers.sql import script, statement

#: Pixels of the largest raster: pyflwdir needs some 40 bytes of memory for each.
MAX_PIXELS = 40_000_000
#: Rivers are cut so deep into the terrain.
BURN_M = 20.0
_VOID = -9999.0
_METHOD = "D8, depressions filled, rivers cut in (pyflwdir)"


class Made(NamedTuple):
    """What was done: the terrain, the number of rivers on it and of catchments, and how many have changed."""

    terrain: str
    crs: str
    resolution_m: float
    rivers: int
    catchments: int
    changed: int


def make_catchments(connection: Connection, files: Path, name: str | None = None) -> Made:
    """Make the catchment of every river that lies on a terrain; those made before are renewed.

    Parameters
    ----------
    files
        The deployment's folder of files.
    name
        The terrain's name; else the finest one with a river on it.

    Raises
    ------
    NotFound
        No such terrain.
    TooLarge
        More pixels than memory is planned for.
    """
    ground = _ground(connection, name)
    rows = list(connection.execute(_rivers(ground.id)))
    with rasterio.open(terrain_folder(files) / f"{ground.file_key}.tif") as raster:
        if raster.width * raster.height > MAX_PIXELS:
            raise TooLarge(
                f"the terrain '{ground.name}' has {raster.width * raster.height} pixels; at most {MAX_PIXELS} are "
                "taken: import a coarser one and name it with --terrain"
            )
        found = find_catchments(raster, _moved(from_geographic(ground.crs), shapes_of(rows)))
    polygons = _moved(to_geographic(ground.crs), np.array([shape for _, shape, _ in found], object))
    connection.exec_driver_sql(script("catchment_tables"))
    columns = ("source_key", "name", "river_id", "attributes", "geom")
    copy_rows(
        connection,
        "catchment_new",
        columns,
        (_row(rows[number], ground, is_cut, shape) for (number, _, is_cut), shape in zip(found, polygons, strict=True)),
    )
    changed = connection.execute(statement("catchment_write")).rowcount
    changed += connection.execute(statement("catchment_remove")).rowcount
    touch_layers(connection, ["catchments"] if changed else [], None, None)
    return Made(ground.name, ground.crs, ground.resolution_m, len(rows), len(found), changed)


def find_catchments(raster: Any, rivers: NDArray[np.object_]) -> list[tuple[int, shapely.Geometry, bool]]:
    """Return (number of the river, polygon, whether it reaches the raster's edge and may go on) in the raster's CRS.

    Parameters
    ----------
    rivers
        Lines in the raster's CRS.
    """
    # Compiles for seconds; needed here only.
    import pyflwdir

    if not len(rivers):
        return []
    heights = raster.read(1, masked=True).astype(np.float32).filled(_VOID)
    numbered = [(shape, number) for number, shape in enumerate(rivers, 1)]
    cells = rasterize(numbered, heights.shape, transform=raster.transform, fill=0, all_touched=True, dtype="int32")
    cells[heights == _VOID] = 0
    heights[cells > 0] -= BURN_M
    is_geographic = raster.crs is not None and raster.crs.is_geographic
    flow = pyflwdir.from_dem(heights, nodata=_VOID, transform=raster.transform, latlon=is_geographic)
    outlets = np.flatnonzero(cells)
    if not len(outlets):
        return []
    basins = flow.basins(idxs=outlets, ids=cells.ravel()[outlets].astype(np.uint32)).astype(np.int32)
    edges = set(np.unique(np.concatenate([basins[0], basins[-1], basins[:, 0], basins[:, -1]])).tolist())
    parts: dict[int, list[shapely.Geometry]] = {}
    for shape, number in shapes(basins, mask=basins > 0, transform=raster.transform):
        parts.setdefault(int(number), []).append(shapely.geometry.shape(shape))
    return [(number - 1, _multi(found), number in edges) for number, found in sorted(parts.items())]


def _moved(transform: CrsTransform, geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    return transform.geometries(geometries) if len(geometries) else geometries


def _multi(parts: list[shapely.Geometry]) -> shapely.Geometry:
    return shapely.MultiPolygon(shapely.get_parts(shapely.union_all(parts)).tolist())


def _ground(connection: Connection, name: str | None) -> Row[Any]:
    columns = [terrain.c[column] for column in ("id", "name", "file_key", "crs", "resolution_m")]
    query = select(*columns).where(terrain.c.kind == "dtm").order_by(terrain.c.resolution_m, terrain.c.id).limit(1)
    if name is not None:
        query = query.where(terrain.c.name == name)
    else:
        is_there = select(river.c.id).where(func.ST_Intersects(river.c.geom, terrain.c.geom)).exists()
        query = query.where(is_there)
    row = connection.execute(query).one_or_none()
    if row is None:
        what = f"no terrain is called '{name[:100]}'" if name else "no terrain has a river on it"
        raise NotFound(f"{what}; import rivers and a height raster first")
    return row


def _rivers(terrain_id: int) -> Any:
    frame = select(terrain.c.geom).where(terrain.c.id == terrain_id).scalar_subquery()
    return (
        select(
            river.c.id, river.c.name, river.c.dataset_id, river.c.source_key,
            func.ST_AsBinary(river.c.geom).label("wkb"),
        )
        .where(func.ST_Intersects(river.c.geom, frame))
        .order_by(river.c.id)
    )  # fmt: skip


def _row(row: Row[Any], ground: Row[Any], is_cut: bool, shape: shapely.Geometry) -> tuple[Any, ...]:
    facts = {
        "method": _METHOD,
        "terrain": ground.name,
        "terrain_crs": ground.crs,
        "terrain_resolution_m": ground.resolution_m,
        "reaches_edge": is_cut,
    }
    wkb = shapely.to_wkb(shapely.set_srid(shape, GEOGRAPHIC_SRID), hex=True, include_srid=True)
    return (f"dem/{row.dataset_id}/{row.source_key}", row.name, row.id, as_json(facts), wkb)
