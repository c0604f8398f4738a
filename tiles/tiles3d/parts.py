"""What a model is cut into: a part for each discipline of each storey, and one of plain blocks, seen from afar."""

from __future__ import annotations

import re
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sqlalchemy import ColumnElement, Connection, Select, func, literal, select

from cim.errors import NotFound
from cim.tables import element, mesh, mesh_instance, storey
from tiles.tiles3d.disciplines import DETAILS, DISCIPLINES, discipline_of_element

Floats = NDArray[np.float64]
#: Whole metres x, y, z of a model.
Origin = tuple[int, int, int]

#: The part that stands for the whole model.
BLOCKS = "blocks"

_NAME = re.compile(
    r"(?:(?:s(?P<storey>[1-9][0-9]{0,17})|rest)-(?P<disciplines>[a-z]{1,20}(?:\.[a-z]{1,20}){0,5})|blocks)"
    r"_(?P<x>-?[0-9]{1,9})_(?P<y>-?[0-9]{1,9})_(?P<z>-?[0-9]{1,9})",
    re.ASCII,
)


class Part(NamedTuple):
    """One content of the tileset: one discipline, or a few with few elements each; all of them details, or none.

    ``storey_id`` is None for what belongs to no storey.
    """

    storey_id: int | None
    disciplines: tuple[str, ...]

    @property
    def is_blocks(self) -> bool:
        """Whether it stands for the whole model."""
        return self.disciplines == (BLOCKS,)

    @property
    def is_detail(self) -> bool:
        """Whether it is drawn only when one comes near."""
        return self.disciplines[0] in DETAILS

    @property
    def name(self) -> str:
        """The beginning of the content's address."""
        if self.is_blocks:
            return BLOCKS
        return ("rest" if self.storey_id is None else f"s{self.storey_id}") + "-" + ".".join(self.disciplines)


class PartBounds(NamedTuple):
    """A part, its local origin and its box: minimum and maximum x, y, z; all in model metres."""

    part: Part
    origin: Origin
    low: Floats
    high: Floats
    #: The number of placed meshes.
    drawings: int


def content_name(part: Part, origin: Origin) -> str:
    """Return the address of a content, without its ending.

    The origin is in it, so that a content lies where the tileset that named it expects it, whatever came in between.
    """
    return "_".join([part.name, *map(str, origin)])


def parse_content_name(name: str) -> tuple[Part, Origin]:
    """Return the part and the origin of a content's address; raises NotFound."""
    match = _NAME.fullmatch(name)
    disciplines = tuple((match["disciplines"] or BLOCKS).split(".")) if match else ()
    if match is None or not set(disciplines) <= {BLOCKS, *DISCIPLINES}:
        raise NotFound(f"a model has no part '{name[:60]}'; its tileset.json lists them")
    number = match["storey"]
    part = Part(int(number) if number else None, disciplines)
    return part, (int(match["x"]), int(match["y"]), int(match["z"]))


def is_in_part(part: Part) -> list[ColumnElement[bool]]:
    """Return the conditions on an element to be in a part."""
    # = or IS NULL: IS NOT DISTINCT FROM uses no index
    return [element.c.storey_id == part.storey_id, discipline_of_element().in_(part.disciplines)]


def drawn_elements(model_id: int) -> Select[Any]:
    """Return the selection, without columns, of the placed meshes of a model's elements; spaces are not drawn."""
    return (
        select()
        .select_from(mesh_instance)
        .join(element, element.c.id == mesh_instance.c.element_id)
        .where(element.c.model_id == model_id, mesh_instance.c.element_table == "element")
    )


def middle_origin(origins: ArrayLike) -> Origin:
    """Return the median of origins (n x 3), each axis for itself: one stray part does not move it."""
    ordered = np.sort(np.asarray(origins, dtype=np.int64), axis=0)
    x, y, z = ordered[ceil(len(ordered) / 2) - 1].tolist()
    return x, y, z


def part_bounds(connection: Connection, model_id: int) -> list[PartBounds]:
    """Return the parts of a model, from the lowest storey to the highest, what belongs to none last.

    A part's origin is the median of its placements, so that one stray element does not take the precision of all
    others.
    """
    discipline = discipline_of_element().label("discipline")
    medians = [func.percentile_disc(0.5).within_group(mesh_instance.c.placement[index]) for index in (4, 8, 12)]
    boxes = [_placed_interval(axis) for axis in range(3)]
    rows = connection.execute(
        drawn_elements(model_id)
        .join(mesh, mesh.c.hash == mesh_instance.c.mesh_hash)
        .outerjoin(storey, storey.c.id == element.c.storey_id)
        .add_columns(
            element.c.storey_id,
            discipline,
            func.count(),
            *medians,
            *(func.min(low) for low, _ in boxes),
            *(func.max(high) for _, high in boxes),
        )
        .group_by(element.c.storey_id, discipline, storey.c.elevation_m)
        .order_by(storey.c.elevation_m.nulls_last(), element.c.storey_id.nulls_last(), discipline)
    )
    return [
        PartBounds(
            Part(storey_id, (discipline,)),
            (round(values[0]), round(values[1]), round(values[2])),
            np.array(values[3:6]),
            np.array(values[6:9]),
            count,
        )
        for storey_id, discipline, count, *values in rows
    ]


def _placed_interval(axis: int) -> tuple[ColumnElement[float], ColumnElement[float]]:
    """Return the lowest and the highest coordinate, along an axis of the model, of a mesh's box where it is placed.

    The middle of the box is moved as a point; along each axis it reaches as far as its halves times the absolute
    values of the placement's row. Arrays count from 1 in SQL.
    """
    middle: ColumnElement[float] = mesh_instance.c.placement[4 * axis + 4]
    reach: ColumnElement[float] = literal(0.0)
    for j in range(3):
        turn = mesh_instance.c.placement[4 * axis + j + 1]
        low, high = mesh.c.bounds[j + 1], mesh.c.bounds[j + 4]
        middle = middle + turn * (low + high) / 2
        reach = reach + func.abs(turn) * (high - low) / 2
    return middle - reach, middle + reach
