"""Rooms: IfcSpace with a body, a footprint, a number and a long name."""

from __future__ import annotations

from dataclasses import dataclass

from district.bim.document import Entity
from district.bim.model import Level, Model
from district.bim.shapes import Box, Place
from district.bim.structure import Rect
from district.bim.walls import SLAB_M


@dataclass(frozen=True)
class Room:
    """A room in a storey, its clear outline in metres."""

    level: Level
    rect: Rect
    name: str
    entity: Entity


def room(model: Model, level: Level, rect: Rect, number: int, function: str, parking: bool = False) -> Room:
    """Create a space such as 病房 301: number 1 of the third floor's 病房."""
    name = f"{level.number}{number:02d}"
    shapes = model.shapes
    height = round(level.height_m - SLAB_M, 4)
    kind = model.since_ifc4(PredefinedType="PARKING" if parking else "SPACE")
    if model.document.is_2x3:
        kind = {"InteriorOrExteriorSpace": "INTERNAL"}
    entity = model.product(
        "IfcSpace",
        level,
        name,
        Place(rect[0], rect[1]),
        (shapes.outline(rect.dx, rect.dy), shapes.body(shapes.box(Box("", 0, 0, 0, rect.dx, rect.dy, height)))),
        contained=False,
        LongName=f"{function} {name}",
        ObjectType=function,
        CompositionType="ELEMENT",
        **kind,
    )
    level.spaces.append(entity)
    model.properties.give("Pset_SpaceCommon", {"Reference": ("IfcIdentifier", function), "IsExternal": False}, entity)
    model.properties.measure(
        "Qto_SpaceBaseQuantities",
        {
            "Height": ("Length", height),
            "NetFloorArea": ("Area", rect.dx * rect.dy),
            "NetVolume": ("Volume", rect.dx * rect.dy * height),
        },
        entity,
    )
    return Room(level, rect, name, entity)
