"""What an IFC file says of a building as a whole: the row that is merged with footprints and registers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ifcopenshell.util.element
import shapely

from bim_import.frame import Frame
from bim_import.geometry import Geometry
from bim_import.outlines import storey_outline, union
from bim_import.postal_address import street_line
from bim_import.property_values import plain, text_or_none
from bim_import.spatial import Storey

_CODES = ("建筑编码", "楼栋编码", "建筑物编码", "建筑编号", "buildingcode", "building_code", "building code")
_ADDRESSES = ("地址", "建筑地址", "address")
_BEARING = (
    "IfcWall",
    "IfcSlab",
    "IfcRoof",
    "IfcColumn",
    "IfcBeam",
    "IfcPlate",
    "IfcMember",
    "IfcCurtainWall",
    "IfcCovering",
    "IfcStair",
    "IfcBuildingElementProxy",
)


def building_row(
    building: Any,
    key: str,
    storeys: Sequence[Storey],
    by_storey: dict[int, list[Any]],
    elements: Sequence[Any],
    geometry: Geometry,
    frame: Frame,
) -> dict[str, Any]:
    """Return the ``building_source`` row of one IfcBuilding (kind 'ifc').

    Parameters
    ----------
    by_storey
        STEP id of a storey -> its elements and spaces.
    elements
        All elements of the building.
    """
    psets = {
        name: {word: plain(value) for word, value in values.items() if word != "id"}
        for name, values in ifcopenshell.util.element.get_psets(building).items()
    }
    ground = ground_storey(storeys)
    ground_z = ground.z_m if ground else _lowest(elements, geometry)
    top = _roof_z(elements, geometry)
    counted = {storey.number for storey in storeys if storey.is_counted}
    common = psets.get("Pset_BuildingCommon", {})
    fields = {
        "name": text_or_none(building.LongName) or text_or_none(building.Name),
        "code": _find(psets, _CODES) or text_or_none(common.get("Reference") or common.get("BuildingID")),
        "use": text_or_none(common.get("OccupancyType")),
        "address": _find(psets, _ADDRESSES) or street_line(getattr(building, "BuildingAddress", None)),
        "storeys_above": sum(number > 0 for number in counted) or None,
        "storeys_below": sum(number < 0 for number in counted) if counted else None,
        "height_m": round(top - ground_z, 3) if top is not None and top > ground_z else None,
        "base_height_m": frame.height_m(ground_z),
        "year_built": _year(common.get("YearOfConstruction")),
    }
    return {
        "source_key": key,
        "kind": "ifc",
        "code": fields["code"],
        "fields": {name: value for name, value in fields.items() if value is not None},
        "attributes": {"global_id": building.GlobalId, "psets": psets},
        "geom": footprint(ground, by_storey, elements, geometry),
    }


def ground_storey(storeys: Sequence[Storey]) -> Storey | None:
    """Return the ground floor, or the lowest storey of a building that has none."""
    return next((storey for storey in storeys if storey.number == 1), storeys[0] if storeys else None)


def footprint(
    ground: Storey | None, by_storey: dict[int, list[Any]], elements: Sequence[Any], geometry: Geometry
) -> Any:
    """Return the footprint in model metres: the ground floor's outline, else the hull of all that stands there."""
    if ground is not None:
        area = storey_outline(by_storey.get(ground.entity.id(), []), geometry)
        if not area.is_empty:
            return area
    bearing = _bearing(elements)
    return shapely.convex_hull(union(bearing or elements, geometry))


def _bearing(elements: Sequence[Any]) -> list[Any]:
    """Return the elements that bear or enclose; a class is looked up once, for there may be thousands of each."""
    known: dict[str, bool] = {}
    found = []
    for element in elements:
        kind = element.is_a()
        if kind not in known:
            known[kind] = any(element.is_a(name) for name in _BEARING)
        if known[kind]:
            found.append(element)
    return found


def _roof_z(elements: Sequence[Any], geometry: Geometry) -> float | None:
    """Return the top of the roof; parapets, masts and lift shafts do not count where there is one."""
    roofs = [
        element
        for element in elements
        if element.is_a("IfcRoof") or (element.is_a("IfcSlab") and str(element.PredefinedType) == "ROOF")
    ]
    bearing = _bearing(elements)
    for group in (roofs, bearing, elements):
        tops = [geometry.instances[one.id()].max_z_m for one in group if one.id() in geometry.instances]
        if tops:
            return max(tops)
    return None


def _lowest(elements: Sequence[Any], geometry: Geometry) -> float:
    lows = [geometry.instances[one.id()].min_z_m for one in elements if one.id() in geometry.instances]
    return min(lows, default=0.0)


def _find(psets: dict[str, dict[str, Any]], names: Sequence[str]) -> str | None:
    for values in psets.values():
        for word, value in values.items():
            if word.strip().lower() in names and text_or_none(value):
                return text_or_none(value)
    return None


def _year(value: Any) -> int | None:
    digits = str(value or "")[:4]
    return int(digits) if digits.isdigit() and 1000 <= int(digits) <= 2200 else None
