"""The bearing structure: slabs, columns, beams, stairs, lifts, railings and the roof."""

from __future__ import annotations

from collections.abc import Iterable

from district.bim.document import Entity
from district.bim.model import Level, Model, TypeOf
from district.bim.shapes import Box, Place
from district.bim.walls import PARAPET, SLAB_M, wall

#: A slab stays this far behind the façade, so that no two faces lie in one plane.
_EDGE_M = 0.05
_RISER_M = 0.16
_TREAD_M = 0.28


class Rect(tuple[float, float, float, float]):
    """A rectangle x0, y0, x1, y1 in metres."""

    __slots__ = ()

    @property
    def dx(self) -> float:
        """Length along x."""
        return self[2] - self[0]

    @property
    def dy(self) -> float:
        """Length along y."""
        return self[3] - self[1]

    def inset(self, metres: float) -> Rect:
        """Shrink it on all four sides."""
        return Rect((self[0] + metres, self[1] + metres, self[2] - metres, self[3] - metres))

    def sides(self) -> tuple[tuple[Place, float], ...]:
        """Give the four sides, counter-clockwise from the south: start, and length; inside is to the left."""
        x0, y0, x1, y1 = self
        return (
            (Place(x0, y0, 0.0, 0.0), self.dx),
            (Place(x1, y0, 0.0, 90.0), self.dy),
            (Place(x1, y1, 0.0, 180.0), self.dx),
            (Place(x0, y1, 0.0, 270.0), self.dy),
        )


def footprint(model: Model) -> Rect:
    """Give the building's whole footprint."""
    return Rect((0.0, 0.0, model.program.length_m, model.program.width_m))


def _slab_type(model: Model, name: str, predefined: str) -> TypeOf:
    return model.known_type(name) or model.type_of(
        "IfcSlabType", name, material="钢筋混凝土C35", PredefinedType=predefined
    )


def slab(
    model: Model,
    level: Level,
    rect: Rect,
    thickness_m: float = SLAB_M,
    predefined: str = "FLOOR",
    top_m: float = 0.0,
    colour: str = "floor",
    contained: bool = True,
    edge_m: float = _EDGE_M,
) -> Entity:
    """Create a slab, ``edge_m`` smaller all around, with its top ``top_m`` above the storey's level."""
    shapes = model.shapes
    rect = rect.inset(edge_m)
    body = shapes.box(Box(colour, 0, 0, -thickness_m, rect.dx, rect.dy, thickness_m))
    entity = model.product(
        "IfcSlab",
        level,
        f"楼板 {level.name}",
        Place(rect[0], rect[1], top_m),
        (shapes.body(body),),
        _slab_type(model, f"混凝土楼板 {round(thickness_m * 1000)} {predefined}", predefined),
        contained=contained,
        PredefinedType=predefined,
    )
    model.properties.give("Pset_SlabCommon", {"IsExternal": predefined == "ROOF", "LoadBearing": True}, entity)
    model.properties.measure(
        "Qto_SlabBaseQuantities",
        {"Width": ("Length", thickness_m), "GrossArea": ("Area", rect.dx * rect.dy)},
        entity,
    )
    return entity


def columns(
    model: Model, level: Level, points: Iterable[tuple[float, float]], size_m: float, colour: str = "concrete"
) -> None:
    """Stand square columns at the points, storey-high."""
    height = level.height_m - SLAB_M
    name = f"{'钢' if colour == 'steel' else '混凝土'}柱 {round(size_m * 1000)} H{round(height * 1000)}"
    of = model.known_type(name) or model.type_of(
        "IfcColumnType",
        name,
        model.shapes.extrude(model.shapes.rectangle(size_m, size_m), Place(0, 0), height, colour),
        material="Q355钢" if colour == "steel" else "钢筋混凝土C50",
        PredefinedType="COLUMN",
    )
    for x, y in points:
        column = model.product("IfcColumn", level, name, Place(x, y), of=of, Tag=f"C{model.count}")
        model.properties.give("Pset_ColumnCommon", {"IsExternal": False, "LoadBearing": True}, column)


def beams(
    model: Model, level: Level, places: Iterable[Place], length_m: float, depth_m: float, colour: str = "concrete"
) -> None:
    """Lay beams under the next floor, from each place along its x axis."""
    width = round(depth_m / 2, 3)
    name = f"梁 {round(width * 1000)}x{round(depth_m * 1000)} L{round(length_m * 1000)}"
    of = model.known_type(name) or model.type_of(
        "IfcBeamType",
        name,
        model.shapes.box(Box(colour, 0, -width / 2, -depth_m, length_m, width, depth_m)),
        material="Q355钢" if colour == "steel" else "钢筋混凝土C35",
        PredefinedType="BEAM",
    )
    top = level.height_m - SLAB_M
    for place in places:
        beam = model.product("IfcBeam", level, name, place.along(0.0, z=top), of=of, Tag=f"B{model.count}")
        model.properties.give("Pset_BeamCommon", {"IsExternal": False, "LoadBearing": True}, beam)


def _flight_type(model: Model, rise_m: float, width_m: float) -> tuple[TypeOf, int]:
    steps = max(3, round(rise_m / _RISER_M))
    riser = rise_m / steps
    name = f"梯段 {round(width_m * 1000)} {steps}级 {round(rise_m * 1000)}"
    known = model.known_type(name)
    if known:
        return known, steps
    outline = [(0.0, 0.0)]
    for i in range(steps):
        outline += [(i * _TREAD_M, (i + 1) * riser), ((i + 1) * _TREAD_M, (i + 1) * riser)]
    outline += [(steps * _TREAD_M, (steps - 1) * riser - 0.1), (_TREAD_M, 0.0)]
    shapes = model.shapes
    # The profile's x runs along the flight and its y upwards: its plane stands on the local x axis.
    standing = model.document.new(
        "IfcAxis2Placement3D",
        Location=shapes.point(0.0, width_m, 0.0),
        Axis=shapes.direction(0.0, -1.0, 0.0),
        RefDirection=shapes.direction(1.0, 0.0, 0.0),
    )
    solid = shapes.extrude(shapes.polygon(outline[:1] + outline[:0:-1]), Place(0, 0), width_m, "concrete")
    solid.Position = standing
    of = model.type_of("IfcStairFlightType", name, solid, material="钢筋混凝土C30", PredefinedType="STRAIGHT")
    return of, steps


def stair(model: Model, level: Level, place: Place, width_m: float = 1.3, flights: int = 2) -> None:
    """Build a stair to the next storey: one straight flight, or two with a landing between them."""
    whole = model.product(
        "IfcStair",
        level,
        f"楼梯 {level.name}",
        place,
        PredefinedType="HALF_TURN_STAIR" if flights == 2 else "STRAIGHT_RUN_STAIR",
    )
    rise = level.height_m / flights
    of, steps = _flight_type(model, rise, width_m)
    run = steps * _TREAD_M
    starts = [Place(0.0, 0.0), Place(run, 2 * width_m + 0.1, rise, 180.0)][:flights]
    length = model.document.length
    parts = [
        model.product(
            "IfcStairFlight",
            level,
            "梯段",
            start,
            of=of,
            within=whole,
            contained=False,
            NumberOfRisers=steps,
            NumberOfTreads=steps - 1,
            RiserHeight=length(rise / steps),
            TreadLength=length(_TREAD_M),
        )
        for start in starts
    ]
    if flights == 2:
        corner = place.along(run)
        landing = Rect((corner.x, corner.y, corner.x + width_m, corner.y + 2 * width_m + 0.1))
        parts.append(slab(model, level, landing, 0.12, "LANDING", rise, "concrete", contained=False, edge_m=0.0))
    model.aggregate(whole, *parts)


def lift(model: Model, level: Level, place: Place, rise_m: float, name: str) -> None:
    """Put a lift into a shaft: a car, and two guide rails over the whole rise."""
    boxes = [
        Box("aluminium", 0.2, 0.2, 0.1, 1.6, 1.6, 2.3),
        Box("dark_metal", 0.0, 0.95, 0.0, 0.08, 0.1, rise_m),
        Box("dark_metal", 1.92, 0.95, 0.0, 0.08, 0.1, rise_m),
    ]
    type_name = f"电梯 {round(rise_m, 2)}"
    of = model.known_type(type_name) or model.type_of(
        "IfcTransportElementType",
        type_name,
        *(model.shapes.box(box) for box in boxes),
        material="不锈钢",
        PredefinedType="ELEVATOR",
    )
    model.product("IfcTransportElement", level, name, place, of=of, PredefinedType="ELEVATOR")


def railing(model: Model, level: Level, place: Place, length_m: float, colour: str = "glass") -> None:
    """Put up a railing of 1.1 m with posts every 1.5 m or so."""
    name = f"栏杆 {round(length_m * 1000)}"
    posts = max(2, round(length_m / 1.5) + 1)
    boxes = [Box("aluminium", 0, 0, 1.05, length_m, 0.06, 0.05), Box(colour, 0, 0.02, 0.1, length_m, 0.015, 0.9)]
    boxes += [Box("aluminium", i * (length_m - 0.05) / (posts - 1), 0, 0, 0.05, 0.05, 1.05) for i in range(posts)]
    of = model.known_type(name) or model.type_of(
        "IfcRailingType",
        name,
        *(model.shapes.box(box) for box in boxes),
        material="不锈钢",
        PredefinedType="GUARDRAIL",
    )
    model.product("IfcRailing", level, name, place, of=of, PredefinedType="GUARDRAIL")


def roof(model: Model, level: Level, rect: Rect, parapet_m: float = 1.2) -> None:
    """Cover a storey: an IfcRoof of one slab, with a parapet around it."""
    whole = model.product("IfcRoof", level, "屋面", Place(0.0, 0.0, level.height_m), PredefinedType="FLAT_ROOF")
    cover = slab(model, level, rect, SLAB_M, "ROOF", level.height_m, "roof", contained=False)
    model.aggregate(whole, cover)
    if parapet_m:
        for i, (place, length) in enumerate(rect.sides()):
            inset = PARAPET.thickness_m if i % 2 else 0.0
            start = place.along(inset, z=level.height_m)
            wall(model, level, PARAPET, start, length - 2 * inset, parapet_m)
