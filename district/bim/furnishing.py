"""Furniture, fixtures and machines: a catalogue of boxes, offered to rooms and taken as the programme allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from district.bim.model import Level, Model, TypeOf
from district.bim.shapes import Box, Place
from district.bim.spaces import Room


@dataclass(frozen=True)
class Piece:
    """Something movable or fixed that repeats: its class, its type's class and its boxes around the origin."""

    name: str
    ifc_class: str
    type_class: str
    boxes: tuple[Box, ...]
    predefined: str | None = None


def _furniture(name: str, *boxes: Box) -> Piece:
    return Piece(name, "IfcFurniture", "IfcFurnitureType", boxes)


def _proxy(name: str, *boxes: Box) -> Piece:
    return Piece(name, "IfcBuildingElementProxy", "IfcBuildingElementProxyType", boxes, "NOTDEFINED")


BED = _furniture(
    "病床",
    Box("dark_metal", 0.05, 0.05, 0.0, 0.85, 1.95, 0.35),
    Box("linen", 0.0, 0.0, 0.35, 0.95, 2.05, 0.2),
    Box("wood", 0.0, 2.02, 0.2, 0.95, 0.05, 0.75),
)
BEDSIDE = _furniture("床头柜", Box("wood", 0, 0, 0, 0.45, 0.45, 0.7))
CHAIR = _furniture("椅子", Box("seat", 0, 0, 0.4, 0.45, 0.45, 0.06), Box("seat", 0, 0.4, 0.46, 0.45, 0.05, 0.4))
DESK = _furniture(
    "办公桌",
    Box("wood", 0, 0, 0.72, 1.4, 0.7, 0.03),
    Box("dark_metal", 0.05, 0.05, 0, 0.05, 0.6, 0.72),
    Box("dark_metal", 1.3, 0.05, 0, 0.05, 0.6, 0.72),
    Box("dark_metal", 0.45, 0.5, 0.85, 0.5, 0.03, 0.35),
)
PUPIL_DESK = _furniture("课桌", Box("wood", 0, 0, 0.7, 0.6, 0.42, 0.03), Box("steel", 0.05, 0.05, 0, 0.5, 0.32, 0.7))
BOARD = _furniture("黑板", Box("board", 0, 0, 0.9, 4.0, 0.05, 1.2))
SHELF = _furniture("货架", *(Box("steel", 0, 0, 0.1 + 0.9 * i, 2.7, 1.0, 0.08) for i in range(4)))
CABINET = _furniture("文件柜", Box("aluminium", 0, 0, 0, 0.9, 0.4, 1.9))
BENCH = _furniture("候车座椅", Box("seat", 0, 0, 0.42, 2.0, 0.5, 0.06), Box("steel", 0.3, 0.2, 0, 1.4, 0.1, 0.42))
GATE = _proxy("闸机", Box("aluminium", 0, 0, 0, 0.3, 1.8, 1.0))
TICKETS = _proxy("自动售票机", Box("steel", 0, 0, 0, 0.9, 0.8, 1.9))
MACHINE = _proxy(
    "数控机床",
    Box("machine", 0, 0, 0, 3.2, 1.8, 1.1),
    Box("plaster", 0.2, 0.2, 1.1, 2.4, 1.4, 1.0),
    Box("dark_metal", 2.7, 0.3, 1.1, 0.3, 0.5, 0.6),
)
CAR = _proxy(
    "停车位", Box("water_pipe", 0.05, 0.05, 0, 2.3, 0.1, 0.01), Box("water_pipe", 0.05, 5.1, 0, 2.3, 0.1, 0.01)
)
BASIN = Piece(
    "洗手盆",
    "IfcSanitaryTerminal",
    "IfcSanitaryTerminalType",
    (Box("ceramic", 0, 0, 0.7, 0.5, 0.42, 0.15),),
    "WASHHANDBASIN",
)
TOILET = Piece(
    "坐便器",
    "IfcSanitaryTerminal",
    "IfcSanitaryTerminalType",
    (Box("ceramic", 0, 0, 0, 0.38, 0.55, 0.4), Box("ceramic", 0, 0.5, 0, 0.38, 0.18, 0.75)),
    "WCSEAT",
)
LIGHT = Piece(
    "LED灯盘",
    "IfcLightFixture",
    "IfcLightFixtureType",
    (Box("lamp", -0.3, -0.3, 0, 0.6, 0.6, 0.06),),
    "DIRECTIONSOURCE",
)
NOZZLE = Piece(
    "喷淋头",
    "IfcFireSuppressionTerminal",
    "IfcFireSuppressionTerminalType",
    (Box("fire_pipe", -0.04, -0.04, 0, 0.08, 0.08, 0.12),),
    "SPRINKLER",
)

#: Occurrence classes that carry the predefined type themselves in IFC4.
_PREDEFINED_ON_OCCURRENCE = frozenset(
    {"IfcSanitaryTerminal", "IfcLightFixture", "IfcFireSuppressionTerminal", "IfcBuildingElementProxy"}
)
_MATERIALS = {"IfcFurniture": "板材", "IfcBuildingElementProxy": "钢", "IfcSanitaryTerminal": "陶瓷"}


@dataclass(frozen=True)
class _Offer:
    priority: int
    level: Level
    piece: Piece
    place: Place


class Furnishing:
    """Offers of pieces; `settle` takes exactly as many as are asked for.

    Lower priorities come first; of the priority that no longer fits as a whole, every n-th piece is taken, so that
    what there is spreads over the building.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._offers: list[_Offer] = []

    def offer(self, priority: int, level: Level, piece: Piece, place: Place) -> None:
        """Offer one piece."""
        self._offers.append(_Offer(priority, level, piece, place))

    def grid(
        self,
        priority: int,
        room: Room,
        piece: Piece,
        pitch_m: tuple[float, float],
        z_m: float = 0.0,
        margin_m: float = 0.6,
        limit: int = 10_000,
    ) -> None:
        """Offer pieces in rows over a room."""
        inner = room.rect.inset(margin_m)
        across, along = int(inner.dx / pitch_m[0]), int(inner.dy / pitch_m[1])
        for i in range(min(across * along, limit)):
            place = Place(inner[0] + (i % across) * pitch_m[0], inner[1] + (i // across) * pitch_m[1], z_m)
            self.offer(priority, room.level, piece, place)

    def ceiling(self, room: Room, lamp_pitch_m: float = 3.0, nozzle_pitch_m: float = 3.0) -> None:
        """Offer a room its lamps and sprinklers, under the ceiling."""
        z = room.level.height_m - 0.5
        self.grid(6, room, LIGHT, (lamp_pitch_m, lamp_pitch_m), z, min(1.2, room.rect.dy / 3))
        self.grid(7, room, NOZZLE, (nozzle_pitch_m, nozzle_pitch_m), z, min(1.6, room.rect.dy / 2.5))

    def settle(self, count: int) -> int:
        """Place ``count`` pieces of those on offer, or all if they are fewer; return how many were placed."""
        placed = 0
        for priority in sorted({offer.priority for offer in self._offers}):
            wanted = [offer for offer in self._offers if offer.priority == priority]
            take = min(count - placed, len(wanted))
            if take <= 0:
                break
            for i in range(take):
                self._place(wanted[i * len(wanted) // take])
            placed += take
        return placed

    def _place(self, offer: _Offer) -> None:
        piece = offer.piece
        attributes: dict[str, Any] = {}
        if piece.ifc_class in _PREDEFINED_ON_OCCURRENCE and not self._model.document.is_2x3:
            attributes["PredefinedType"] = piece.predefined
        of = self._model.known_type(piece.name) or self._type(piece)
        self._model.product(
            piece.ifc_class,
            offer.level,
            piece.name,
            offer.place,
            of=of,
            Tag=f"F{self._model.count}",
            **attributes,
        )

    def _type(self, piece: Piece) -> TypeOf:
        attributes: dict[str, Any] = {}
        if piece.ifc_class == "IfcFurniture":
            attributes["AssemblyPlace"] = "FACTORY"
        if piece.predefined:
            attributes["PredefinedType"] = piece.predefined
        return self._model.type_of(
            piece.type_class,
            piece.name,
            *(self._model.shapes.box(box) for box in piece.boxes),
            material=_MATERIALS.get(piece.ifc_class),
            **attributes,
        )
