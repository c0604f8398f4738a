"""How layers are drawn at small scales: by the catalogue's policy, from sums that are kept by small cells.

A policy is JSON on the layer's row, for zooms below ``below`` (13 at most):

- ``grid``: squares of 1/64 of a tile with the number of objects, sums, and the commonest value of a field;
- ``merge``: the same squares joined into areas of one value each (built-up area by use);
- ``cluster``: a point in each such square, in the middle of its objects, with their number;
- ``top``: of each tile the ``most`` objects that are first by ``order``;
- none: objects and vertices too small to be seen are left out (``tiles.mvt``).

``by`` is the field of the value; ``sums`` are the fields that are summed, the first of which weighs the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Integer,
    Select,
    Table,
    Text,
    bindparam,
    case,
    cast,
    func,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from cim.errors import InvalidInput
from cim.tables import overview_cell
from layers.catalogue import LayerRow
from tiles.tile import CIRCUMFERENCE_M, HALF_M, Tile, mercator_box, mercator_srid

Kind = Literal["grid", "merge", "cluster", "top"]
KINDS: tuple[Kind, ...] = ("grid", "merge", "cluster", "top")
#: Those that are drawn from ``overview_cell``.
SUMMED: frozenset[Kind] = frozenset({"grid", "merge", "cluster"})
#: Cells of a tile's side. One is as wide as a tile's buffer, so that the neighbours of a tile show whole cells.
CELLS = 64
#: Sums are kept by the cells of this zoom's tiles, and added up for those above.
FINEST_ZOOM = 12
CELL_LEVEL = FINEST_ZOOM + 6
CELL_M = CIRCUMFERENCE_M / 2**CELL_LEVEL


class Policy(NamedTuple):
    """How a layer is drawn below a zoom."""

    kind: Kind
    below: int
    by: str | None = None
    sums: tuple[str, ...] = ()
    most: int = 1000
    order: str | None = None


def policy_of(told: Mapping[str, Any]) -> Policy | None:
    """Return the policy of a layer's row, or None where it has none.

    Raises
    ------
    InvalidInput
        For one that cannot be followed.
    """
    if not told:
        return None
    unknown = set(told) - set(Policy._fields)
    if unknown or told.get("kind") not in KINDS:
        raise InvalidInput(
            f"the layer's overview {dict(told)} is not understood: 'kind' is one of {', '.join(KINDS)}, beside it may"
            f" be {', '.join(Policy._fields[1:])}"
        )
    found = Policy(**{**told, "below": int(told.get("below", FINEST_ZOOM + 1)), "sums": tuple(told.get("sums", ()))})
    if found.below > FINEST_ZOOM + 1 and found.kind in SUMMED:
        raise InvalidInput(f"the layer's overview ends at zoom {found.below}; sums are kept up to {FINEST_ZOOM}")
    return found


def is_made_of_sums(row: LayerRow, zoom: int) -> bool:
    """Tell whether the tiles of a layer show sums instead of objects at a zoom."""
    policy = policy_of(row.overview)
    return policy is not None and policy.kind in SUMMED and zoom < policy.below


def cells_select(row: LayerRow, policy: Policy, zoom: int, area: str) -> Select[Any]:
    """Return the features of a tile made of sums: ``geom`` (EPSG:3857, not clipped), ``id`` and attributes.

    Its parameters are those of ``cell_values``.
    """
    cells = _cells(row, policy, zoom, area)
    if policy.kind == "grid":
        return select(_no_id(), _square(cells, zoom).label("geom"), *_told(cells, policy))
    if policy.kind == "merge":
        joined = func.ST_UnaryUnion(func.ST_Collect(_square(cells, zoom)))
        sums = [func.sum(column).label(column.name) for column in (cells.c.count, *_sums(cells, policy))]
        return select(_no_id(), joined.label("geom"), cells.c.value.label(policy.by or "value"), *sums).group_by(
            cells.c.value
        )
    middle = func.ST_SetSRID(func.ST_MakePoint(cells.c.middle_x, cells.c.middle_y), mercator_srid())
    only = case((cells.c.count == 1, cells.c.first_id))
    return select(only.label("id"), middle.label("geom"), *_told(cells, policy))


def cell_values(tile: Tile) -> dict[str, int]:
    """Return the first and last columns and rows of the kept cells that a tile shows, its buffer included."""
    if tile.z > FINEST_ZOOM:
        return {}
    shift = FINEST_ZOOM - tile.z
    return {
        "cell_west": (tile.x * CELLS - 1) << shift,
        "cell_east": ((tile.x * CELLS + CELLS + 1) << shift) - 1,
        "cell_north": (tile.y * CELLS - 1) << shift,
        "cell_south": ((tile.y * CELLS + CELLS + 1) << shift) - 1,
    }


def _cells(row: LayerRow, policy: Policy, zoom: int, area: str) -> Any:
    """Return the cells of a tile at its zoom, those of its buffer included, each once."""
    shift = FINEST_ZOOM - zoom
    kept = overview_cell.c
    x, y = kept.x.op(">>")(shift), kept.y.op(">>")(shift)
    sums = [func.sum(kept.sums[n]).label(f"sum_{n}") for n in range(1, len(policy.sums) + 1)]
    by_value = (
        select(
            x.label("x"), y.label("y"), kept.value, func.sum(kept.objects).label("objects"),
            func.min(kept.first_id).label("first_id"), func.sum(kept.sum_x).label("sum_x"),
            func.sum(kept.sum_y).label("sum_y"), *sums,
        )
        .where(
            kept.layer_id == row.id,
            kept.x.between(bindparam("cell_west", type_=Integer), bindparam("cell_east", type_=Integer)),
            kept.y.between(bindparam("cell_north", type_=Integer), bindparam("cell_south", type_=Integer)),
            *([kept.area_code.startswith(area, autoescape=True)] if area else []),
        )
        .group_by(x, y, kept.value)
        .subquery("by_value")
    )  # fmt: skip
    weight = by_value.c.sum_1 if policy.sums else by_value.c.objects
    commonest = func.array_agg(aggregate_order_by(by_value.c.value, weight.desc(), by_value.c.value), type_=ARRAY(Text))
    count = func.sum(by_value.c.objects)
    return (
        select(
            by_value.c.x,
            by_value.c.y,
            cast(count, Integer).label("count"),
            func.nullif(commonest[1], "").label("value"),
            func.min(by_value.c.first_id).label("first_id"),
            (func.sum(by_value.c.sum_x) / cast(count, Double)).label("middle_x"),
            (func.sum(by_value.c.sum_y) / cast(count, Double)).label("middle_y"),
            *(func.round(func.sum(by_value.c[f"sum_{n}"])).label(name) for n, name in enumerate(policy.sums, 1)),
        )
        .group_by(by_value.c.x, by_value.c.y)
        .subquery("cells")
    )


def _sums(cells: Any, policy: Policy) -> list[ColumnElement[Any]]:
    return [cells.c[name] for name in policy.sums]


def _told(cells: Any, policy: Policy) -> list[ColumnElement[Any]]:
    value = [cells.c.value.label(policy.by)] if policy.by else []
    return [cells.c.count, *value, *_sums(cells, policy)]


def _square(cells: Any, zoom: int) -> ColumnElement[Any]:
    side = CIRCUMFERENCE_M / 2 ** (zoom + 6)
    west, north = cells.c.x * side - HALF_M, HALF_M - cells.c.y * side
    return mercator_box((west, north - side, west + side, north))


def _no_id() -> ColumnElement[Any]:
    # Squares are no objects.
    return cast(null(), BigInteger).label("id")


def first_by(table: Table, policy: Policy) -> ColumnElement[Any]:
    """Return the order of a ``top`` policy: by a column, the greatest first where its name has a minus before it."""
    name = policy.order or "-id"
    column = table.c.get(name.removeprefix("-"))
    if column is None:
        raise InvalidInput(f"the layer's overview is ordered by '{name}', which is no column of its table")
    return column.desc().nulls_last() if name.startswith("-") else column.asc().nulls_last()
