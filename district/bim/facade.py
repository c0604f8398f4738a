"""Façades: curtain walls of glass panels, and walls with rows of windows."""

from __future__ import annotations

from district.bim.model import Level, Model, TypeOf
from district.bim.openings import WindowKind, windows_along
from district.bim.shapes import Box, Place
from district.bim.structure import Rect
from district.bim.walls import Wall, WallKind, wall

_MULLION_M = 1.5


def _panel_type(model: Model, width_m: float, height_m: float, sill_m: float) -> TypeOf:
    name = f"幕墙单元 {round(width_m * 1000)}x{round(height_m * 1000)}"
    known = model.known_type(name)
    if known:
        return known
    bays = max(1, round(width_m / _MULLION_M))
    boxes = [
        Box("cladding", 0, 0.03, 0, width_m, 0.12, sill_m),
        Box("tint", 0, 0.05, sill_m, width_m, 0.03, height_m - sill_m),
        Box("aluminium", 0, 0, sill_m - 0.04, width_m, 0.1, 0.08),
    ]
    boxes += [Box("aluminium", i * (width_m - 0.07) / bays, 0, 0, 0.07, 0.14, height_m) for i in range(bays + 1)]
    return model.type_of(
        "IfcPlateType",
        name,
        *(model.shapes.box(box) for box in boxes),
        material="中空Low-E玻璃",
        properties={"热工": {"传热系数": 1.8, "遮阳系数": 0.35}},
        PredefinedType="CURTAIN_PANEL",
    )


def curtain(model: Model, level: Level, rect: Rect, bay_m: float, sill_m: float = 0.9) -> None:
    """Hang a curtain wall on the four sides of a storey, in panels about ``bay_m`` wide."""
    for place, length in rect.sides():
        curtain_side(model, level, place, length, bay_m, sill_m)


def curtain_side(model: Model, level: Level, place: Place, length_m: float, bay_m: float, sill_m: float = 0.9) -> None:
    """Hang one IfcCurtainWall with its plates."""
    count = max(1, round(length_m / bay_m))
    width = length_m / count
    of = _panel_type(model, width, level.height_m, sill_m)
    whole = model.product("IfcCurtainWall", level, f"玻璃幕墙 {level.name}", place)
    plates = [
        model.product(
            "IfcPlate",
            level,
            "幕墙单元",
            Place(i * width, 0.0),
            of=of,
            within=whole,
            contained=False,
            Tag=f"P{model.count}",
            **model.since_ifc4(PredefinedType="CURTAIN_PANEL"),
        )
        for i in range(count)
    ]
    model.aggregate(whole, *plates)
    model.properties.give(
        "Pset_CurtainWallCommon", {"IsExternal": True, "FireRating": "1.00h", "ThermalTransmittance": 1.8}, whole
    )


def walled(
    model: Model,
    level: Level,
    rect: Rect,
    kind: WallKind,
    window: WindowKind | None = None,
    counts: tuple[int, int, int, int] = (0, 0, 0, 0),
    sill_m: float = 0.9,
) -> list[Wall]:
    """Build the four outer walls of a storey, with ``counts`` windows on the south, east, north and west."""
    walls = []
    thickness = kind.thickness_m
    for i, (place, length) in enumerate(rect.sides()):
        # The short sides stand between the long ones, so that no two walls share a corner.
        inset = thickness if i % 2 else 0.0
        outer = wall(model, level, kind, place.along(inset), length - 2 * inset)
        if window is not None and counts[i]:
            windows_along(model, outer, window, counts[i], sill_m)
        walls.append(outer)
    return walls
