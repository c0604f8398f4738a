"""Counts and sums of a layer's objects by the cells of a grid that knows no owner: H3 or BeiDou's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import h3
import numpy as np
import orjson
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, LargeBinary, Select, bindparam, func, select
from sqlalchemy.types import Double, Integer, Numeric, SmallInteger

from cim.access import Caller
from cim.errors import InvalidInput, NotFound, TooLarge
from cim.tables import GEOGRAPHIC_SRID, building, unit
from layers.grids import beidou
from layers.queries.receipt import make_receipt
from layers.queries.visible import VisibleLayer, field_value, in_area, visible_layers

Grid = Literal["h3", "beidou"]
MAX_OBJECTS = 1_000_000
MAX_CELLS = 50_000
_NOTES = (
    {"code": "membership", "message": "an object counts once, in the cell of a point on it; a unit at its building"},
)
_NUMBERS = (Double, Integer, Numeric, SmallInteger)
Numbers = NDArray[np.float64]


class AggregateRequest(NamedTuple):
    """What is asked: a layer, a grid and its level (H3: resolution), a field to add up, a zone (EPSG:4490) or all."""

    layer: str
    grid: Grid
    level: int
    field: str | None = None
    zone: shapely.Geometry | None = None


def aggregate(connection: Connection, request: AggregateRequest, caller: Caller) -> dict[str, Any]:
    """Return the cells that hold objects, as GeoJSON with ``code``, ``count`` and ``sum``, and the receipt.

    Raises
    ------
    NotFound
        For a layer that does not exist or may not be seen.
    InvalidInput, TooLarge
        Naming the value and what would be right.
    """
    layers = visible_layers(connection, caller, [request.layer])
    if not layers:
        raise NotFound(f"there is no layer '{request.layer}' to aggregate; /api/layers lists those that you may see")
    codes_of, outline = _grid(request)
    parameters = {"zone": shapely.to_wkb(request.zone)} if request.zone is not None else {}
    rows = connection.execute(_places(layers[0], request, caller), parameters).all()
    if len(rows) > MAX_OBJECTS:
        raise TooLarge(f"more than {MAX_OBJECTS} objects of '{request.layer}' lie there; give a smaller zone")
    values = np.array([row[:3] for row in rows], np.float64).reshape(-1, 3)
    cells = _count(codes_of(values[:, 0], values[:, 1]), values[:, 2], outline, request)
    datasets = {row.dataset_id for row in rows if row.dataset_id is not None}
    return {
        "type": "FeatureCollection",
        "features": cells,
        "receipt": make_receipt(connection, layers, {request.layer: len(rows)}, datasets, _parameters(request), _NOTES),
    }


def parse_request(body: Any, zone: shapely.Geometry | None) -> AggregateRequest:
    """Read a request; ``zone`` has been read from it already.

    Raises
    ------
    InvalidInput
    """
    layer, grid, level, field = (body.get(name) for name in ("layer", "grid", "level", "sum"))
    if not isinstance(layer, str):
        raise InvalidInput("'layer' is missing; name the layer whose objects are counted")
    if grid not in get_args(Grid):
        raise InvalidInput(f"the grid is {str(grid)[:40]!r}; 'h3' or 'beidou' is right")
    if isinstance(level, bool) or not isinstance(level, int):
        raise InvalidInput(f"the level is {str(level)[:40]!r}; a whole number is right")
    if field is not None and not isinstance(field, str):
        raise InvalidInput(f"'sum' is {str(field)[:40]!r}; the name of a field is right")
    return AggregateRequest(layer, grid, level, field, zone)


def _places(entry: VisibleLayer, request: AggregateRequest, caller: Caller) -> Select[Any]:
    """Return the statement for longitude, latitude, value and dataset of every object."""
    table = entry.table
    home = building if table is unit else table
    if "geom" not in home.c:
        raise InvalidInput(f"the layer '{entry.id}' has no geometry")
    point = func.ST_PointOnSurface(home.c.geom)
    statement = (
        select(func.ST_X(point), func.ST_Y(point), _value(entry, request.field), table.c.dataset_id)
        .where(table.c.layer_id == entry.id, home.c.geom.is_not(None), in_area(table, caller))
        .limit(MAX_OBJECTS + 1)
    )
    if table is unit:
        statement = statement.join(building, building.c.id == unit.c.building_id)
    if request.zone is not None:
        zone: Any = func.ST_GeomFromWKB(bindparam("zone", type_=LargeBinary), GEOGRAPHIC_SRID)
        statement = statement.where(func.ST_Intersects(home.c.geom, zone))
    return statement


def _value(entry: VisibleLayer, name: str | None) -> Any:
    if name is None:
        return func.coalesce(0.0)
    value = field_value(entry.table, name) if name in entry.fields else None
    if value is None or not isinstance(value.type, _NUMBERS):
        known = [field for field in entry.fields if field in entry.table.c]
        numbers = [field for field in known if isinstance(entry.table.c[field].type, _NUMBERS)]
        raise InvalidInput(
            f"'{name[:40]}' is no number of '{entry.id}' to add up; these are: {', '.join(numbers) or 'none'}"
        )
    return func.coalesce(value, 0)


def _grid(request: AggregateRequest) -> tuple[Callable[[Numbers, Numbers], NDArray[Any]], Callable[[str], Any]]:
    """Return what gives the codes of places and what gives the outline of a code."""
    if request.grid == "beidou":
        beidou.size_deg(request.level)
        return lambda x, y: beidou.encode(x, y, request.level), lambda code: shapely.box(*beidou.decode(code))
    if not 0 <= request.level <= 15:
        raise InvalidInput(f"resolution {request.level} is none of H3's; 0 to 15 are")
    return lambda x, y: _h3_codes(x, y, request.level), _h3_outline


def _h3_codes(x: Numbers, y: Numbers, resolution: int) -> NDArray[Any]:
    return np.array([h3.latlng_to_cell(lat, lon, resolution) for lon, lat in zip(x, y, strict=True)], dtype=np.str_)


def _h3_outline(code: str) -> shapely.Geometry:
    return shapely.Polygon([(lon, lat) for lat, lon in h3.cell_to_boundary(code)])


def _count(
    codes: NDArray[Any], values: Numbers, outline: Callable[[str], shapely.Geometry], request: AggregateRequest
) -> list[dict[str, Any]]:
    names, cell, counts = np.unique(codes, return_inverse=True, return_counts=True)
    if len(names) > MAX_CELLS:
        raise TooLarge(f"the objects lie in {len(names)} cells, at most {MAX_CELLS} are answered; take a coarser level")
    sums = np.bincount(cell, weights=values, minlength=len(names))
    features = []
    for name, count, total in zip(names.tolist(), counts.tolist(), sums.tolist(), strict=True):
        properties = {"code": name, "count": count} | ({"sum": round(total, 3)} if request.field else {})
        geometry = orjson.loads(shapely.to_geojson(outline(name)))
        features.append({"type": "Feature", "id": name, "geometry": geometry, "properties": properties})
    return features


def _parameters(request: AggregateRequest) -> dict[str, Any]:
    parameters = request._asdict()
    parameters["zone"] = shapely.to_wkt(request.zone) if request.zone is not None else None
    return parameters
