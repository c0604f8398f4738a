"""What is in a model, counted: what a viewer needs to list its storeys, classes and systems."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, func, select

from cim.access import Caller
from cim.tables import element, mesh_instance
from tiles.tiles3d.disciplines import DISCIPLINES, discipline_of_element
from tiles.tiles3d.models import find_model, read_storeys


def drawn_groups(model_id: int) -> Select[Any]:
    """Return the number of drawn elements of a model by storey, class, system and discipline."""
    discipline = discipline_of_element().label("discipline")
    groups = (element.c.storey_id, element.c.ifc_class, element.c.system, discipline)
    is_drawn = (
        select(mesh_instance.c.id)
        .where(mesh_instance.c.element_id == element.c.id, mesh_instance.c.element_table == "element")
        .exists()
    )
    return (
        select(*groups, func.count().label("count"))
        .where(element.c.model_id == model_id, is_drawn)
        .group_by(*groups)
        .order_by(*groups)
    )


def model_summary(connection: Connection, model_id: int, caller: Caller) -> dict[str, Any]:
    """Return the storeys of a model, the highest first, its disciplines, and the number of its elements by group.

    Raises
    ------
    NotFound
        For a model that does not exist or may not be seen.
    """
    row = find_model(connection, model_id, caller)
    names = ("storey_id", "ifc_class", "system", "discipline", "count")
    groups = [dict(zip(names, found, strict=True)) for found in connection.execute(drawn_groups(model_id))]
    storeys = sorted(
        read_storeys(connection, model_id).values(),
        key=lambda each: (each["elevation_m"] is None, -(each["elevation_m"] or 0.0), -(each["number"] or 0)),
    )
    present = {group["discipline"] for group in groups}
    return {
        "id": row.id,
        "name": row.name,
        "building_id": row.building_id,
        "storeys": storeys,
        "disciplines": [name for name in DISCIPLINES if name in present],
        "groups": groups,
    }
