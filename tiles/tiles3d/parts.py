"""What a model is cut into: a part for each storey, and within it the building's fabric and its details."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Select, func, literal, select

from cim.errors import NotFound
from cim.tables import element, mesh, mesh_instance, storey

Floats = NDArray[np.float64]

#: Seen from afar; all else (furniture, ducts, pipes, fittings) is drawn when one comes near.
FABRIC = (
    "IfcBeam", "IfcBuildingElementPart", "IfcBuildingElementProxy", "IfcChimney", "IfcColumn", "IfcCourse",
    "IfcCovering", "IfcCurtainWall", "IfcDoor", "IfcDoorStandardCase", "IfcEarthworksFill", "IfcFooting",
    "IfcGeographicElement", "IfcKerb", "IfcMember", "IfcMemberStandardCase", "IfcPavement", "IfcPile", "IfcPlate",
    "IfcPlateStandardCase", "IfcRail", "IfcRailing", "IfcRamp", "IfcRampFlight", "IfcRoof", "IfcShadingDevice",
    "IfcSite", "IfcSlab", "IfcSlabElementedCase", "IfcSlabStandardCase", "IfcStair", "IfcStairFlight",
    "IfcTrackElement", "IfcWall", "IfcWallElementedCase", "IfcWallStandardCase", "IfcWindow",
    "IfcWindowStandardCase",
)  # fmt: skip

_NAME = re.compile(r"(?:s(?P<storey>[1-9][0-9]{0,17})|rest)(?P<detail>-detail)?", re.ASCII)


class Part(NamedTuple):
    """One content of the tileset; ``storey_id`` is None for what belongs to no storey."""

    storey_id: int | None
    is_detail: bool

    @property
    def name(self) -> str:
        """The name in the content's address."""
        base = "rest" if self.storey_id is None else f"s{self.storey_id}"
        return base + ("-detail" if self.is_detail else "")


class PartBounds(NamedTuple):
    """A part and the box around it: minimum and maximum x, y, z in model metres around the local origin."""

    part: Part
    low: Floats
    high: Floats


def parse_part(name: str) -> Part:
    """Return the part of that name; raises NotFound."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise NotFound(f"a model has no part '{name[:40]}'; its tileset.json lists them")
    number = match["storey"]
    return Part(int(number) if number else None, match["detail"] is not None)


def is_in_part(part: Part) -> list[ColumnElement[bool]]:
    """Return the conditions on an element to be in a part."""
    is_fabric = element.c.ifc_class.in_(FABRIC)
    return [element.c.storey_id.is_not_distinct_from(part.storey_id), ~is_fabric if part.is_detail else is_fabric]


def drawn_elements(model_id: int) -> Select[Any]:
    """Return the selection, without columns, of the placed meshes of a model's elements; spaces are not drawn."""
    return (
        select()
        .select_from(mesh_instance)
        .join(element, element.c.id == mesh_instance.c.element_id)
        .where(mesh_instance.c.model_id == model_id, mesh_instance.c.element_table == "element")
    )


def local_origin(connection: Connection, model_id: int) -> Floats | None:
    """Return whole metres x, y, z near the middle of a model, or None where nothing of it is drawn.

    The median, so that one stray element does not take the precision of all others, and so that each request
    computes the same.
    """
    medians = [func.percentile_disc(0.5).within_group(mesh_instance.c.placement[index]) for index in (4, 8, 12)]
    found = connection.execute(
        select(*medians).where(mesh_instance.c.model_id == model_id, mesh_instance.c.element_table == "element")
    ).one()
    return None if found[0] is None else np.array([round(value) for value in found], dtype=np.float64)


def part_bounds(connection: Connection, model_id: int, origin: Floats) -> list[PartBounds]:
    """Return the parts of a model and their boxes, from the lowest storey to the highest, the rest last."""
    is_detail = element.c.ifc_class.not_in(FABRIC).label("is_detail")
    boxes = [_placed_interval(axis) for axis in range(3)]
    rows = connection.execute(
        drawn_elements(model_id)
        .join(mesh, mesh.c.hash == mesh_instance.c.mesh_hash)
        .outerjoin(storey, storey.c.id == element.c.storey_id)
        .add_columns(
            element.c.storey_id,
            is_detail,
            *(func.min(low) for low, _ in boxes),
            *(func.max(high) for _, high in boxes),
        )
        .group_by(element.c.storey_id, is_detail, storey.c.elevation_m)
        .order_by(storey.c.elevation_m.nulls_last(), element.c.storey_id.nulls_last(), is_detail)
    )
    return [
        PartBounds(Part(storey_id, detail), np.array(sides[:3]) - origin, np.array(sides[3:]) - origin)
        for storey_id, detail, *sides in rows
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
