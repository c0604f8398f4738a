"""What the database says of buildings that are drawn in 3D."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    LargeBinary,
    Select,
    Subquery,
    case,
    cast,
    func,
    literal,
    select,
)

from cim.access import Caller
from cim.tables import building, building_source, layer, model
from layers.catalogue import LayerRow
from tiles.scene_layers import UNKNOWN_HEIGHT_M
from tiles.tiles3d.city.extents import (
    IN_IDS,
    Extents,
    box_of,
    columns_by_name,
    columns_of,
    ids_as_text,
    inside_area,
    numbers_of,
    written_by,
)
from tiles.tiles3d.city.grid import METRES_A_DEGREE
from tiles.tiles3d.city.ground import with_ground
from tiles.tiles3d.city.legend import legend_value
from tiles.tiles3d.city.wanted import Wanted

#: Columns of the table of features, as far as the layer's catalogue allows them.
SHOWN = {
    "code": "STRING",
    "name": "STRING",
    "use": "STRING",
    "height_m": "FLOAT32",
    "base_height_m": "FLOAT32",
}


def building_extents(connection: Connection, row: LayerRow, wanted: Wanted) -> Extents:
    """Return the extents of all buildings of a layer that the caller may see."""
    columns = [numbers_of(column) for column in connection.execute(columns_of(_reaches(row, wanted.caller))).one()]
    ids, has_model, height_m, base_m, shell_low, shell_high, written, shell_id, shell_written, *sides = columns
    boxes = np.column_stack(sides)
    base_m = with_ground(connection, wanted.files, base_m, (boxes[:, :2] + boxes[:, 2:]) / 2)
    has_shell = ~np.isnan(shell_low)
    low, high = np.where(has_shell, shell_low, base_m), np.where(has_shell, shell_high, base_m + height_m)
    width = (boxes[:, 2] - boxes[:, 0]) * np.cos(np.radians(boxes[:, 1]))
    size_m = np.maximum(width, boxes[:, 3] - boxes[:, 1]) * METRES_A_DEGREE
    return Extents(
        ids.astype(np.int64),
        boxes,
        np.maximum(size_m, high - low),
        {"true": (low, high), "flat": (low - base_m, high - base_m)},
        has_model > 0,
        np.column_stack([has_model, written, shell_id, shell_written, low, high]),
    )


def _reaches(row: LayerRow, caller: Caller) -> Select[Any]:
    shell = _newest_shells()
    both = zip(
        (func.least, func.least, func.greatest, func.greatest),
        box_of(building.c.geom),
        box_of(shell.c.lod2),
        strict=True,
    )
    return (
        select(
            building.c.id,
            case((building.c.id.in_(_with_models(caller.visible_levels())), 1.0), else_=0.0).label("has_model"),
            _height().label("height_m"),
            building.c.base_height_m,
            func.ST_ZMin(shell.c.lod2).label("shell_low"),
            func.ST_ZMax(shell.c.lod2).label("shell_high"),
            written_by(building).label("written"),
            shell.c.id.label("shell_id"),
            shell.c.written.label("shell_written"),
            *(choose(first, second).label(f"side_{number}") for number, (choose, first, second) in enumerate(both)),
        )
        .outerjoin(shell, shell.c.building_id == building.c.id)
        .where(building.c.layer_id == row.id, building.c.geom.is_not(None), *inside_area(building, caller))
    )


def read_buildings(
    connection: Connection, row: LayerRow, ids: Sequence[int], caller: Caller
) -> dict[str, Sequence[Any]]:
    """Return what some buildings look like and are called, as columns in the order of their ids.

    ``outline`` and ``shell`` (surfaces of a city model, with their ``kinds``, or None) are WKB; ``base_height_m`` and
    ``height_m`` are as the model has them, ``drawn_height_m`` is never None.
    """
    statement = _described(row.style.get("legend_field"), tuple(caller.visible_levels()))
    return columns_by_name(connection.execute(statement, ids_as_text(ids)))


@lru_cache(maxsize=64)
def _described(legend_field: str | None, levels: tuple[str, ...]) -> Select[Any]:
    shell = _newest_shells(building_source.c.building_id == IN_IDS)
    return (
        select(
            *(building.c[name] for name in ("id", *SHOWN)),
            building.c.id.in_(_with_models(levels)).label("has_model"),
            _height().label("drawn_height_m"),
            legend_value(building, legend_field).label("legend"),
            func.ST_AsBinary(building.c.geom, type_=LargeBinary).label("outline"),
            func.ST_AsBinary(shell.c.lod2, type_=LargeBinary).label("shell"),
            shell.c.lod2_surfaces.label("kinds"),
        )
        .outerjoin(shell, shell.c.building_id == building.c.id)
        .where(building.c.id == IN_IDS)
        .order_by(building.c.id)
    )


def _height() -> ColumnElement[float]:
    return case((building.c.height_m > 0, building.c.height_m), else_=cast(literal(float(UNKNOWN_HEIGHT_M)), Double))


def _with_models(levels: Sequence[str]) -> Select[Any]:
    """Return the buildings whose placed models may be seen."""
    return (
        select(model.c.building_id)
        .join(layer, layer.c.id == model.c.layer_id)
        .where(
            model.c.building_id.is_not(None),
            model.c.placement.is_not(None),
            layer.c.visibility.in_(levels),
        )
    )


def _newest_shells(*conditions: ColumnElement[bool]) -> Subquery:
    """Return, of each building that has them, the surfaces of the newest city model."""
    newest_first = [building_source.c.recorded_at.desc(), building_source.c.id.desc()]
    rank = func.row_number().over(partition_by=building_source.c.building_id, order_by=newest_first)
    columns = (building_source.c[name] for name in ("id", "building_id", "lod2", "lod2_surfaces"))
    ranked = (
        select(*columns, written_by(building_source).label("written"), rank.label("rank"))
        .where(building_source.c.lod2.is_not(None), building_source.c.building_id.is_not(None), *conditions)
        .subquery("ranked")
    )
    return select(ranked).where(ranked.c.rank == 1).subquery("shell")
