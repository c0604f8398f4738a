"""How many objects a layer has and where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, func, literal, null, select

from cim.tables import OBJECT_TABLES, metadata


class Measure(NamedTuple):
    """The number of a layer's objects, and west, south, east, north in degrees where any has a place."""

    objects: int
    bounds: tuple[float, float, float, float] | None


_EMPTY = Measure(0, None)
#: Counting the whole of a layer is done once a version: (database, layer, version) -> its measure. Small layers are
#: counted anew each time, because live intake does not raise the version with every row.
_MEASURED: dict[tuple[str, str, int], Measure] = {}
_REMEMBER_ABOVE = 5_000
_REMEMBER_AT_MOST = 4_096


def measure_layers(connection: Connection, layers: Mapping[str, tuple[str, int]]) -> dict[str, Measure]:
    """Return the measure of each layer.

    Parameters
    ----------
    layers
        Layer id -> (name of its table, version of its data).
    """
    database = connection.execute(select(func.current_database())).scalar_one()
    measures = {
        layer_id: _MEASURED.get((database, layer_id, version), _EMPTY) for layer_id, (_, version) in layers.items()
    }
    missing: dict[str, list[str]] = {}
    for layer_id, (table_name, _) in layers.items():
        if measures[layer_id] is _EMPTY and table_name in OBJECT_TABLES:
            missing.setdefault(table_name, []).append(layer_id)
    for table_name, layer_ids in missing.items():
        measures |= _measure_table(connection, metadata.tables[f"cim.{table_name}"], layer_ids)
    _remember(database, layers, measures)
    return measures


def _measure_table(connection: Connection, table: Table, layer_ids: list[str]) -> dict[str, Measure]:
    box: Any = func.ST_Extent(table.c.geom) if "geom" in table.c else literal(None)
    corners = [func.ST_XMin(box), func.ST_YMin(box), func.ST_XMax(box), func.ST_YMax(box)]
    statement = (
        select(table.c.layer_id, func.count(), *(corners if "geom" in table.c else [null()] * 4))
        .where(table.c.layer_id.in_(layer_ids))
        .group_by(table.c.layer_id)
    )
    return {
        layer_id: Measure(count, None if west is None else (west, south, east, north))
        for layer_id, count, west, south, east, north in connection.execute(statement)
    }


def _remember(database: str, layers: Mapping[str, tuple[str, int]], measures: Mapping[str, Measure]) -> None:
    if len(_MEASURED) > _REMEMBER_AT_MOST:
        _MEASURED.clear()
    for layer_id, measure in measures.items():
        if measure.objects > _REMEMBER_ABOVE:
            _MEASURED[database, layer_id, layers[layer_id][1]] = measure
