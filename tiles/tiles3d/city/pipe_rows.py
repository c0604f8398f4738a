"""What the database says of pipes that are drawn in 3D."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Double, LargeBinary, Select, case, cast, func, literal, select

from cim.access import Caller
from cim.tables import pipe, pipe_node
from layers.catalogue import LayerRow
from tiles.tiles3d.city.depths import Depths
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
from tiles.tiles3d.city.tubes import WIDEST
from tiles.tiles3d.city.wanted import Wanted

UNKNOWN_DIAMETER_MM = 200.0
#: Where nothing says how deep a pipe lies: about the least cover that is usual under a carriageway.
UNKNOWN_COVER_M = 0.7
#: From afar a pipe counts as this many times its diameter, so that mains are seen before service pipes.
PROMINENCE = 40.0
#: Columns of the table of features, as far as the layer's catalogue allows them.
SHOWN = {
    "name": "STRING",
    "network": "STRING",
    "kind": "STRING",
    "material": "STRING",
    "diameter_mm": "FLOAT32",
    "depth_m": "FLOAT32",
    "start_depth_m": "FLOAT32",
    "end_depth_m": "FLOAT32",
    "start_invert_level_m": "FLOAT32",
    "end_invert_level_m": "FLOAT32",
}

_START, _END = pipe_node.alias("start_node"), pipe_node.alias("end_node")


def pipe_extents(connection: Connection, row: LayerRow, wanted: Wanted) -> Extents:
    """Return the extents of all pipes of a layer that the caller may see."""
    columns = [numbers_of(column) for column in connection.execute(columns_of(_reaches(row, wanted.caller))).one()]
    ids, diameter_mm, low, high, is_level, *others = columns
    boxes, depths = np.column_stack(others[:4]), Depths(*others[4:8])
    radius = diameter_mm / 2000
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    shallow = np.minimum(depths.start_cover_m, depths.end_cover_m) + radius
    deep = np.maximum(depths.start_cover_m, depths.end_cover_m) + radius
    if is_level.any():
        starts, ends = (with_ground(connection, wanted.files, each, middle) for each in depths[2:])
        drawn = is_level > 0
        low = np.where(drawn, np.minimum(starts, ends) - deep, low)
        high = np.where(drawn, np.maximum(starts, ends) - shallow, high)
    reach = radius * WIDEST
    aside = reach / METRES_A_DEGREE
    wide = aside / np.cos(np.radians(middle[:, 1]))
    return Extents(
        ids.astype(np.int64),
        boxes + np.column_stack([-wide, -aside, wide, aside]),
        PROMINENCE * 2 * radius,
        {"true": (low - reach, high + reach), "flat": (-deep - reach, -shallow + reach)},
        np.zeros(len(ids), np.bool_),
        np.column_stack([*others[8:], low, high]),
    )


def _reaches(row: LayerRow, caller: Caller) -> Select[Any]:
    return (
        select(
            pipe.c.id,
            _diameter().label("drawn_diameter_mm"),
            func.ST_ZMin(pipe.c.geom).label("low"),
            func.ST_ZMax(pipe.c.geom).label("high"),
            case((_is_level(), 1.0), else_=0.0).label("is_level"),
            *(side.label(f"side_{number}") for number, side in enumerate(box_of(func.Box2D(pipe.c.geom)))),
            *_depths(),
            *(written_by(rows).label(f"written_{number}") for number, rows in enumerate((pipe, _START, _END))),
        )
        .outerjoin(_START, _START.c.id == pipe.c.from_node_id)
        .outerjoin(_END, _END.c.id == pipe.c.to_node_id)
        .where(pipe.c.layer_id == row.id, pipe.c.geom.is_not(None), *inside_area(pipe, caller))
    )


def _diameter() -> ColumnElement[float]:
    unknown = cast(literal(UNKNOWN_DIAMETER_MM), Double)
    return case((pipe.c.diameter_mm > 0, pipe.c.diameter_mm), else_=unknown)


def _is_level() -> ColumnElement[bool]:
    """Return whether a pipe's own heights say nothing: all of them are 0."""
    return (func.ST_ZMin(pipe.c.geom) == 0) & (func.ST_ZMax(pipe.c.geom) == 0)


def _depths() -> list[ColumnElement[Any]]:
    """Return the cover of both ends and the heights of the ground above them, in the order of ``Depths``."""
    cover = pipe.c.depth_m, cast(literal(UNKNOWN_COVER_M), Double)
    return [
        func.coalesce(pipe.c.start_depth_m, *cover).label("start_cover_m"),
        func.coalesce(pipe.c.end_depth_m, *cover).label("end_cover_m"),
        _START.c.ground_height_m.label("start_ground_m"),
        _END.c.ground_height_m.label("end_ground_m"),
    ]


def read_pipes(connection: Connection, row: LayerRow, ids: Sequence[int]) -> dict[str, Sequence[Any]]:
    """Return how some pipes lie and what they are, as columns in the order of their ids; ``line`` is WKB."""
    return columns_by_name(connection.execute(_described(row.style.get("legend_field")), ids_as_text(ids)))


@lru_cache(maxsize=64)
def _described(legend_field: str | None) -> Select[Any]:
    return (
        select(
            *(pipe.c[name] for name in ("id", *SHOWN)),
            _diameter().label("drawn_diameter_mm"),
            _is_level().label("is_level"),
            *_depths(),
            legend_value(pipe, legend_field).label("legend"),
            func.ST_AsBinary(pipe.c.geom, type_=LargeBinary).label("line"),
        )
        .outerjoin(_START, _START.c.id == pipe.c.from_node_id)
        .outerjoin(_END, _END.c.id == pipe.c.to_node_id)
        .where(pipe.c.id == IN_IDS)
        .order_by(pipe.c.id)
    )
