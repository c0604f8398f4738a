"""Openings in walls, and the doors and windows that fill them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from district.bim.document import Entity
from district.bim.model import Model, TypeOf
from district.bim.shapes import Box, Place
from district.bim.walls import Wall

_FRAME_M = 0.06
_DEPTH_M = 0.08


@dataclass(frozen=True)
class DoorKind:
    """A door type."""

    name: str
    width_m: float
    height_m: float
    colour: str
    leaves: int = 1
    fire_rating: str = "—"


@dataclass(frozen=True)
class WindowKind:
    """A window type."""

    name: str
    width_m: float
    height_m: float
    panes: int = 2


FLAT_DOOR = DoorKind("入户门 1000x2100", 1.0, 2.1, "door", 1, "乙级")
ROOM_DOOR = DoorKind("木门 1000x2100", 1.0, 2.1, "wood")
WARD_DOOR = DoorKind("病房门 1200x2100", 1.2, 2.1, "wood")
BATH_DOOR = DoorKind("卫生间门 800x2000", 0.8, 2.0, "plaster")
FIRE_DOOR = DoorKind("防火门 1500x2100", 1.5, 2.1, "fire_door", 2, "甲级")
GLASS_DOOR = DoorKind("玻璃门 1800x2400", 1.8, 2.4, "glass", 2)
ROLLER_DOOR = DoorKind("卷帘门 4500x4500", 4.5, 4.5, "steel")


def _frame(width: float, height: float, colour: str, sill: bool) -> list[Box]:
    boxes = [
        Box(colour, 0, 0, 0, _FRAME_M, _DEPTH_M, height),
        Box(colour, width - _FRAME_M, 0, 0, _FRAME_M, _DEPTH_M, height),
        Box(colour, _FRAME_M, 0, height - _FRAME_M, width - 2 * _FRAME_M, _DEPTH_M, _FRAME_M),
    ]
    if sill:
        boxes.append(Box(colour, _FRAME_M, 0, 0, width - 2 * _FRAME_M, _DEPTH_M, _FRAME_M))
    return boxes


def _door_boxes(kind: DoorKind) -> list[Box]:
    boxes = _frame(kind.width_m, kind.height_m, "aluminium" if kind.colour == "glass" else "dark_metal", False)
    leaf = (kind.width_m - 2 * _FRAME_M) / kind.leaves
    height = kind.height_m - _FRAME_M
    for i in range(kind.leaves):
        boxes.append(Box(kind.colour, _FRAME_M + i * leaf, 0.02, 0, leaf - 0.005, 0.04, height))
        boxes.append(Box("aluminium", _FRAME_M + (i + 0.85) * leaf, -0.03, 1.0, 0.03, 0.14, 0.12))
    return boxes


def _window_boxes(kind: WindowKind) -> list[Box]:
    boxes = _frame(kind.width_m, kind.height_m, "aluminium", True)
    pane = (kind.width_m - 2 * _FRAME_M) / kind.panes
    boxes += [
        Box("aluminium", _FRAME_M + i * pane - 0.02, 0, _FRAME_M, 0.04, _DEPTH_M, kind.height_m - 2 * _FRAME_M)
        for i in range(1, kind.panes)
    ]
    inner = kind.width_m - 2 * _FRAME_M, kind.height_m - 2 * _FRAME_M
    boxes.append(Box("clear_glass", _FRAME_M, 0.035, _FRAME_M, inner[0], 0.01, inner[1]))
    return boxes


def _door_type(model: Model, kind: DoorKind) -> TypeOf:
    operation = "DOUBLE_DOOR_SINGLE_SWING" if kind.leaves > 1 else "SINGLE_SWING_LEFT"
    if kind is ROLLER_DOOR:
        operation = "ROLLINGUP"
    attributes: dict[str, Any] = {"OperationType": operation, "ParameterTakesPrecedence": False}
    if model.document.is_2x3:
        attributes |= {"ConstructionType": "NOTDEFINED", "Sizeable": False}
    else:
        attributes["PredefinedType"] = "DOOR"
    return model.type_of(
        "IfcDoorType",
        kind.name,
        *(model.shapes.box(box) for box in _door_boxes(kind)),
        material="钢" if kind.fire_rating != "—" else "木",
        properties={"Pset_DoorCommon": {"FireRating": kind.fire_rating, "IsExternal": False}},
        **attributes,
    )


def _window_type(model: Model, kind: WindowKind) -> TypeOf:
    partition = "DOUBLE_PANEL_VERTICAL" if kind.panes == 2 else "NOTDEFINED"
    attributes: dict[str, Any] = {"ParameterTakesPrecedence": False}
    if model.document.is_2x3:
        attributes |= {"ConstructionType": "ALUMINIUM", "OperationType": partition, "Sizeable": False}
    else:
        attributes |= {"PredefinedType": "WINDOW", "PartitioningType": partition}
    return model.type_of(
        "IfcWindowType",
        kind.name,
        *(model.shapes.box(box) for box in _window_boxes(kind)),
        material="铝合金",
        properties={"Pset_WindowCommon": {"ThermalTransmittance": 2.6, "IsExternal": True}},
        **attributes,
    )


def opening(model: Model, wall: Wall, s_m: float, sill_m: float, width_m: float, height_m: float) -> Entity:
    """Cut a rectangular opening ``s_m`` along the wall."""
    margin = 0.02
    body = model.shapes.box(Box("", 0, -margin, 0, width_m, wall.kind.thickness_m + 2 * margin, height_m))
    cut = model.product(
        "IfcOpeningElement",
        wall.level,
        "洞口",
        Place(s_m, 0.0, sill_m),
        (model.shapes.body(body),),
        within=wall.entity,
        contained=False,
        **model.since_ifc4(PredefinedType="OPENING"),
    )
    model.document.rooted(
        "IfcRelVoidsElement",
        f"{wall.level.name}/rel/voids",
        RelatingBuildingElement=wall.entity,
        RelatedOpeningElement=cut,
    )
    return cut


def _fill(model: Model, wall: Wall, cut: Entity, ifc_class: str, of: TypeOf, kind: DoorKind | WindowKind) -> Entity:
    length = model.document.length
    filling = model.product(
        ifc_class,
        wall.level,
        kind.name,
        Place(0.0, (wall.kind.thickness_m - _DEPTH_M) / 2),
        of=of,
        within=cut,
        OverallHeight=length(kind.height_m),
        OverallWidth=length(kind.width_m),
        Tag=f"{ifc_class[3]}{model.count}",
    )
    model.document.rooted(
        "IfcRelFillsElement",
        f"{wall.level.name}/rel/fills",
        RelatingOpeningElement=cut,
        RelatedBuildingElement=filling,
    )
    return filling


def door(model: Model, wall: Wall, s_m: float, kind: DoorKind) -> Entity:
    """Put a door into a wall, ``s_m`` along it."""
    cut = opening(model, wall, s_m, 0.0, kind.width_m, kind.height_m)
    of = model.known_type(kind.name) or _door_type(model, kind)
    filling = _fill(model, wall, cut, "IfcDoor", of, kind)
    model.properties.give(
        "Pset_DoorCommon", {"IsExternal": wall.kind.external, "FireRating": kind.fire_rating}, filling
    )
    return filling


def window(model: Model, wall: Wall, s_m: float, sill_m: float, kind: WindowKind) -> Entity:
    """Put a window into a wall, ``s_m`` along it and ``sill_m`` up."""
    cut = opening(model, wall, s_m, sill_m, kind.width_m, kind.height_m)
    of = model.known_type(kind.name) or _window_type(model, kind)
    filling = _fill(model, wall, cut, "IfcWindow", of, kind)
    model.properties.measure(
        "Qto_WindowBaseQuantities",
        {
            "Width": ("Length", kind.width_m),
            "Height": ("Length", kind.height_m),
            "Area": ("Area", kind.width_m * kind.height_m),
        },
        filling,
    )
    return filling


def windows_along(model: Model, wall: Wall, kind: WindowKind, count: int, sill_m: float) -> None:
    """Spread windows evenly over a wall."""
    bay = wall.length_m / count
    for i in range(count):
        window(model, wall, (i + 0.5) * bay - kind.width_m / 2, sill_m, kind)
