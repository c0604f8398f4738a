"""The metro station: entrances above, a concourse, a platform between two tracks."""

from __future__ import annotations

from district.bim.facade import curtain
from district.bim.furnishing import BENCH, GATE, TICKETS, Furnishing
from district.bim.model import Level, Model, TypeOf
from district.bim.openings import FIRE_DOOR, door
from district.bim.services import COLD_WATER, SPRINKLER, Network
from district.bim.shapes import Box, Place
from district.bim.spaces import room
from district.bim.structure import Rect, beams, columns, footprint, railing, roof, slab
from district.bim.walls import BASEMENT, LIGHT, wall

_BAY_M = 8.4
_PLATFORM_TOP_M = 1.1
_ROOMS = ("通信机房", "信号机房", "环控机房", "变电所", "车站控制室", "消防泵房")


def author(model: Model, furnishing: Furnishing) -> None:
    """Build the station; the deepest storey holds the tracks, those above it the concourse."""
    rect = footprint(model)
    for level in model.below:
        _shell(model, level, rect)
        if level is model.levels[0]:
            _platform(model, furnishing, level, rect)
        else:
            _concourse(model, furnishing, level, rect)
    for level in model.above:
        _entrances(model, level, rect)
    for kind, y, dn_mm in ((SPRINKLER, 6.0, 150), (COLD_WATER, rect.dy - 6.0, 100)):
        network = Network(model, kind)
        for level in model.below:
            start = Place(0.6, y, level.height_m - 0.8)
            network.main(level, start, _BAY_M, round(rect.dx / _BAY_M) - 1, dn_mm, 2.0)
        network.close()


def _shell(model: Model, level: Level, rect: Rect) -> None:
    """Build the box: diaphragm wall panels, slab, two rows of columns, beams along them."""
    deepest = level is model.levels[0]
    slab(model, level, rect, 0.8 if deepest else 0.4, "BASESLAB" if deepest else "FLOOR", colour="concrete")
    bays = round(rect.dx / _BAY_M)
    bay = rect.dx / bays
    for i, (place, length) in enumerate(rect.sides()):
        count = 1 if i % 2 else bays
        for j in range(count):
            wall(model, level, BASEMENT, place.along(j * length / count), length / count)
    ys = (rect.dy / 3, rect.dy * 2 / 3)
    xs = [(i + 0.5) * bay for i in range(bays)]
    columns(model, level, [(x, y) for x in xs for y in ys], 0.8)
    beams(model, level, [Place(x, y) for x in xs[:-1] for y in ys], bay, 0.9)


def _platform(model: Model, furnishing: Furnishing, level: Level, rect: Rect) -> None:
    y0, y1 = rect.dy / 2 - 6.0, rect.dy / 2 + 6.0
    stand = Rect((6.0, y0, rect.dx - 6.0, y1))
    slab(model, level, stand, _PLATFORM_TOP_M, "FLOOR", _PLATFORM_TOP_M, "floor")
    door_type = _screen_door(model)
    count = int(stand.dx / 4.0)
    for y, turn in ((y0, 0.0), (y1, 180.0)):
        for i in range(count):
            x = stand[0] + (i if turn == 0.0 else i + 1) * 4.0
            place = Place(x, y, _PLATFORM_TOP_M, turn)
            model.product(
                "IfcDoor",
                level,
                "站台门",
                place,
                of=door_type,
                Tag=f"PSD{i + 1}",
                OverallHeight=model.document.length(2.2),
                OverallWidth=model.document.length(4.0),
            )
    for track, y in (("上行线", y0 - 2.0), ("下行线", y1 + 2.0)):
        _rails(model, level, rect, y, track)
    stand_room = room(model, level, Rect((6.0, y0, rect.dx - 6.0, y1)), 1, "站台层公共区")
    furnishing.grid(2, stand_room, BENCH, (8.0, 5.0), _PLATFORM_TOP_M, 3.0)
    furnishing.ceiling(stand_room, 2.6, 2.6)
    for i, y in enumerate((0.4, y1)):
        room(model, level, Rect((0.4, y, rect.dx - 0.4, y + rect.dy / 2 - 6.4)), i + 2, "轨行区")


def _screen_door(model: Model) -> TypeOf:
    boxes = [
        Box("aluminium", 0, 0, 2.1, 4.0, 0.2, 0.25),
        Box("glass", 0.0, 0.08, 0.0, 1.0, 0.04, 2.1),
        Box("glass", 3.0, 0.08, 0.0, 1.0, 0.04, 2.1),
        Box("clear_glass", 1.0, 0.1, 0.0, 0.99, 0.04, 2.1),
        Box("clear_glass", 2.0, 0.1, 0.0, 0.99, 0.04, 2.1),
        Box("aluminium", 0, 0, 0, 0.08, 0.15, 2.1),
    ]
    return model.type_of(
        "IfcDoorType",
        "站台门 4000",
        *(model.shapes.box(box) for box in boxes),
        material="钢化玻璃",
        PredefinedType="DOOR",
        OperationType="DOUBLE_DOOR_SLIDING",
    )


def _rails(model: Model, level: Level, rect: Rect, y: float, track: str) -> None:
    """Lay the two rails of a track in lengths of 25 m or so; IFC4X3 knows rails, others have members."""
    count = round(rect.dx / 25.0)
    length = rect.dx / count
    known = model.program.schema == "IFC4X3"
    name = f"60kg/m钢轨 {round(length * 1000)}"
    of = model.known_type(name) or model.type_of(
        "IfcRailType" if known else "IfcMemberType",
        name,
        model.shapes.box(Box("dark_metal", 0, -0.035, 0, length, 0.07, 0.18)),
        material="U75V钢",
        PredefinedType="RAIL" if known else "NOTDEFINED",
    )
    for offset in (-0.7175, 0.7175):
        for i in range(count):
            model.product(
                "IfcRail" if known else "IfcMember", level, f"{track}钢轨", Place(i * length, y + offset), of=of
            )


def _concourse(model: Model, furnishing: Furnishing, level: Level, rect: Rect) -> None:
    ends = 25.2
    hall = room(model, level, Rect((ends, 0.5, rect.dx - ends, rect.dy - 0.5)), 1, "站厅层公共区")
    for x in (rect.dx * 0.35, rect.dx * 0.65):
        for i in range(8):
            furnishing.offer(1, level, GATE, Place(x, 5.0 + i * 1.2, 0.0, 270.0))
    for i in range(12):
        furnishing.offer(1, level, TICKETS, Place(rect.dx * 0.45 + i * 1.1, 1.0))
    furnishing.ceiling(hall, 2.6, 2.6)
    for x in (rect.dx * 0.3, rect.dx * 0.5, rect.dx * 0.7):
        _escalator(model, level, Place(x, rect.dy / 2 - 0.7, _PLATFORM_TOP_M - level.height_m), "下行至站台")
        for y in (rect.dy / 2 - 1.4, rect.dy / 2 + 1.4):
            railing(model, level, Place(x, y), 9.6)
    width = ends / 3
    for i in range(6):
        x = i * width if i < 3 else rect.dx - ends + (i - 3) * width
        front = wall(model, level, LIGHT, Place(x, rect.dy / 2), width)
        door(model, front, width / 2 - 0.75, FIRE_DOOR)
        wall(model, level, LIGHT, Place(x + width, 0.4, 0.0, 90.0), rect.dy - 0.8)
        space = room(
            model, level, Rect((x + 0.1, rect.dy / 2 + 0.2, x + width - 0.2, rect.dy - 0.5)), 10 + i, _ROOMS[i]
        )
        furnishing.ceiling(space)


def _escalator(model: Model, level: Level, place: Place, name: str) -> None:
    """Put an escalator that climbs a storey: an inclined truss between two flat ends."""
    rise = level.height_m - _PLATFORM_TOP_M
    type_name = f"自动扶梯 {round(rise * 1000)}"
    of = model.known_type(type_name)
    if of is None:
        run = rise * 1.7321
        outline = [(0.0, 0.0), (1.2, 0.0), (1.2 + run, rise), (2.4 + run, rise), (2.4 + run, rise + 0.3)]
        outline += [(1.2 + run - 0.2, rise + 0.3), (1.0, 0.3), (0.0, 0.3)]
        shapes = model.shapes
        solid = shapes.extrude(shapes.polygon(outline), Place(0, 0), 1.4, "dark_metal")
        solid.Position = model.document.new(
            "IfcAxis2Placement3D",
            Location=shapes.point(0.0, 1.4, 0.0),
            Axis=shapes.direction(0.0, -1.0, 0.0),
            RefDirection=shapes.direction(1.0, 0.0, 0.0),
        )
        of = model.type_of("IfcTransportElementType", type_name, solid, material="钢", PredefinedType="ESCALATOR")
    model.product("IfcTransportElement", level, name, place, of=of, PredefinedType="ESCALATOR")


def _entrances(model: Model, level: Level, rect: Rect) -> None:
    """Build four glass pavilions over the entrances, on the slab that covers the station."""
    slab(model, level, rect, 0.6, colour="concrete")
    number = 1
    for x in (2.0, rect.dx - 16.0):
        for y in (1.0, rect.dy - 7.0):
            pavilion = Rect((x, y, x + 14.0, y + 6.0))
            curtain(model, level, pavilion, 7.0, 0.3)
            roof(model, level, pavilion, 0.0)
            _escalator(model, level, Place(x + 1.0, y + 2.0, -level.height_m + _PLATFORM_TOP_M), "至站厅")
            room(model, level, pavilion.inset(0.3), number, f"{'ABCD'[number - 1]}出入口")
            number += 1
