"""Walls: layered, with an axis, typed, and measured."""

from __future__ import annotations

from dataclasses import dataclass

from district.bim.document import Entity
from district.bim.model import Level, Model, TypeOf
from district.bim.shapes import Box, Place

#: Thickness of a floor, which inner walls stop below.
SLAB_M = 0.15


@dataclass(frozen=True)
class WallKind:
    """A wall type: layers as (material, thickness in metres), colour and what Pset_WallCommon says."""

    name: str
    layers: tuple[tuple[str, float], ...]
    colour: str
    external: bool
    load_bearing: bool
    fire_rating: str

    @property
    def thickness_m(self) -> float:
        """Sum of the layers."""
        return round(sum(thickness for _, thickness in self.layers), 4)


FACADE = WallKind(
    "外墙 250", (("外墙面砖", 0.02), ("保温岩棉", 0.05), ("加气混凝土砌块", 0.18)), "cladding", True, False, "2.00h"
)
PRECAST = WallKind("预制外墙 200", (("预制混凝土", 0.20),), "cladding", True, True, "3.00h")
SANDWICH = WallKind("夹芯板外墙 120", (("彩钢夹芯板", 0.12),), "panel", True, False, "1.00h")
CORE = WallKind("核心筒剪力墙 300", (("钢筋混凝土C50", 0.30),), "concrete", False, True, "3.00h")
BASEMENT = WallKind("地下室外墙 400", (("钢筋混凝土C35", 0.40),), "concrete", True, True, "3.00h")
PARTITION = WallKind(
    "内隔墙 150", (("抹灰", 0.02), ("加气混凝土砌块", 0.11), ("抹灰", 0.02)), "plaster", False, False, "1.00h"
)
LIGHT = WallKind("轻钢龙骨隔墙 100", (("轻钢龙骨石膏板", 0.10),), "plaster", False, False, "0.50h")
PARAPET = WallKind("女儿墙 200", (("钢筋混凝土C30", 0.20),), "cladding", True, False, "—")


@dataclass(frozen=True)
class Wall:
    """A wall in a storey; local x along it, y from its outer face inwards."""

    entity: Entity
    level: Level
    kind: WallKind
    length_m: float
    height_m: float


def _type(model: Model, kind: WallKind) -> TypeOf:
    known = model.known_type(kind.name)
    if known:
        return known
    return model.type_of(
        "IfcWallType",
        kind.name,
        PredefinedType="STANDARD",
        properties={"型号信息": {"构造": "+".join(name for name, _ in kind.layers), "厂家": "—"}},
    )


def wall(
    model: Model, level: Level, kind: WallKind, place: Place, length_m: float, height_m: float | None = None
) -> Wall:
    """Create a wall from ``place`` along its x axis.

    By default outer walls are as high as the storey and cover the slabs' edges; inner ones end under the next slab.
    """
    height = height_m or level.height_m - (0.0 if kind.external else SLAB_M)
    thickness = kind.thickness_m
    shapes = model.shapes
    entity = model.product(
        "IfcWall",
        level,
        f"{kind.name} {level.name}",
        place,
        (shapes.axis(length_m), shapes.body(shapes.box(Box(kind.colour, 0, 0, 0, length_m, thickness, height)))),
        _type(model, kind),
        Tag=f"W{model.count}",
        **model.since_ifc4(PredefinedType="STANDARD"),
    )
    _describe(model, kind, entity, length_m, height)
    return Wall(entity, level, kind, length_m, height)


def _describe(model: Model, kind: WallKind, entity: Entity, length_m: float, height: float) -> None:
    thickness = kind.thickness_m
    properties = model.properties
    properties.give(
        "Pset_WallCommon",
        {
            "Reference": ("IfcIdentifier", kind.name),
            "IsExternal": kind.external,
            "LoadBearing": kind.load_bearing,
            "FireRating": kind.fire_rating,
        },
        entity,
    )
    properties.measure(
        "Qto_WallBaseQuantities",
        {
            "Length": ("Length", length_m),
            "Height": ("Length", height),
            "Width": ("Length", thickness),
            "GrossSideArea": ("Area", length_m * height),
            "GrossVolume": ("Volume", length_m * height * thickness),
        },
        entity,
    )
    properties.layer(kind.name, kind.layers, entity)
