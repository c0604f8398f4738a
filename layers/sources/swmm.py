"""SWMM 5 models: the sections that say where what lies (EPA SWMM 5.2 User's Manual, appendix D.2).

The libraries that read SWMM files run the engine or edit whole models as data frames; here a few sections of plain
words are enough, and a bad line is one rejected row instead of a refused file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import shapely

from layers.sources.inp_sections import Line, Sections, read_sections
from layers.sources.inp_table import InpTable, Point, line_between

FORMAT = "SWMM INP"
_FOOT_M = 0.3048
_ACRE_M2 = 4046.8564224
_HECTARE_M2 = 10_000.0
_US_FLOWS = {"CFS", "GPM", "MGD"}
_NODES = {"JUNCTIONS": "junction", "OUTFALLS": "outfall", "STORAGE": "storage", "DIVIDERS": "divider"}
_LINKS = {"CONDUITS": "conduit", "PUMPS": "pump", "ORIFICES": "orifice", "WEIRS": "weir", "OUTLETS": "outlet"}
_ROUND = {"CIRCULAR", "FORCE_MAIN", "FILLED_CIRCULAR"}
_SECTIONS = {*_NODES, *_LINKS, "OPTIONS", "XSECTIONS", "SUBCATCHMENTS", "COORDINATES", "VERTICES", "POLYGONS"}


def read_swmm(path: Path) -> list[InpTable]:
    """Return nodes, links and catchments."""
    model = _Model(read_sections(path, _SECTIONS))
    tables = [model.nodes(), model.links(), model.catchments()]
    return [table for table in tables if table.records]


class _Model:
    def __init__(self, sections: Sections) -> None:
        self.sections = sections
        options = {line.words[0].upper(): line.words[-1].upper() for line in self._lines("OPTIONS")}
        is_us = options.get("FLOW_UNITS", "CFS") in _US_FLOWS
        self.length_m = _FOOT_M if is_us else 1.0
        self.area_m2 = _ACRE_M2 if is_us else _HECTARE_M2
        self.offsets_are_heights = options.get("LINK_OFFSETS") == "ELEVATION"
        self.coordinates = {line.words[0]: _point(line) for line in self._lines("COORDINATES")}
        self.inverts: dict[str, float] = {}

    def nodes(self) -> InpTable:
        """Read all kinds of nodes; heights are those of their inverts."""
        table = InpTable("pipe_nodes", "point")
        for section, kind in _NODES.items():
            for line in self._lines(section):
                self._add(table, line, {"kind": kind}, self._node, self._node_shape)
        return table

    def links(self) -> InpTable:
        """Read all kinds of links."""
        self.cross_sections = {line.words[0]: line.words[1:] for line in self._lines("XSECTIONS")}
        self.vertices: dict[str, list[Point]] = {}
        for line in self._lines("VERTICES"):
            point = _point(line)
            if point is not None:
                self.vertices.setdefault(line.words[0], []).append(point)
        table = InpTable("pipes", "line")
        for section, kind in _LINKS.items():
            read = self._conduit if kind == "conduit" else self._link
            for line in self._lines(section):
                self._add(table, line, {"link_type": kind}, read, self._link_shape)
        return table

    def catchments(self) -> InpTable:
        """Read the catchments and their outlines."""
        self.outlines: dict[str, list[Point]] = {}
        for line in self._lines("POLYGONS"):
            point = _point(line)
            if point is not None:
                self.outlines.setdefault(line.words[0], []).append(point)
        table = InpTable("catchments", "polygon")
        for line in self._lines("SUBCATCHMENTS"):
            self._add(table, line, {}, self._catchment, self._outline)
        return table

    def _lines(self, section: str) -> list[Line]:
        return self.sections.get(section, [])

    @staticmethod
    def _add(
        table: InpTable,
        line: Line,
        record: dict[str, Any],
        read: Callable[[list[str]], dict[str, Any]],
        shape: Callable[[list[str]], shapely.Geometry | None],
    ) -> None:
        try:
            table.add(f"line {line.number}", record | read(line.words), shape(line.words))
        except (ValueError, IndexError) as error:
            text = " ".join(line.words)
            record = record | {"id": line.words[0], "text": text}
            table.add(f"line {line.number}", record, None, ("unreadable_row", f"'{text[:200]}': {error}"))

    def _node(self, words: list[str]) -> dict[str, Any]:
        invert = float(words[1]) * self.length_m
        self.inverts[words[0]] = invert
        record: dict[str, Any] = {"id": words[0], "invert_level_m": invert}
        if len(words) > 2 and _is_number(words[2]):
            depth = float(words[2]) * self.length_m
            record |= {"depth_m": depth, "ground_height_m": invert + depth}
        return record

    def _node_shape(self, words: list[str]) -> shapely.Geometry | None:
        place = self.coordinates.get(words[0])
        return shapely.Point(place) if place else None

    def _link(self, words: list[str]) -> dict[str, Any]:
        return {"id": words[0], "from": words[1], "to": words[2]} | self._profile(words[0])

    def _conduit(self, words: list[str]) -> dict[str, Any]:
        return self._link(words) | {
            "stated_length_m": float(words[3]) * self.length_m,
            "roughness": float(words[4]),
            "start_invert_level_m": self._level(words[1], words[5]),
            "end_invert_level_m": self._level(words[2], words[6]),
        }

    def _level(self, node: str, offset: str) -> float | None:
        """Return the height of a conduit's invert at a node; '*' stands for the node's own."""
        if self.offsets_are_heights and offset != "*":
            return float(offset) * self.length_m
        invert = self.inverts.get(node)
        above = 0.0 if offset == "*" else float(offset) * self.length_m
        return None if invert is None else invert + above

    def _profile(self, link: str) -> dict[str, Any]:
        words = self.cross_sections.get(link)
        if not words:
            return {}
        record: dict[str, Any] = {"shape": words[0].lower()}
        if len(words) > 1 and _is_number(words[1]):
            height = float(words[1]) * self.length_m
            record |= {"profile_height_m": height}
            if words[0].upper() in _ROUND:
                record["diameter_mm"] = round(height * 1000, 6)
        if len(words) > 5 and words[5].isdigit():
            record["barrels"] = int(words[5])
        return record

    def _link_shape(self, words: list[str]) -> shapely.Geometry | None:
        start, end = self.coordinates.get(words[1]), self.coordinates.get(words[2])
        return line_between(start, self.vertices.get(words[0], []), end)

    def _catchment(self, words: list[str]) -> dict[str, Any]:
        return {
            "catchment_id": words[0],
            "outlet": words[2],
            "stated_area_m2": float(words[3]) * self.area_m2,
            "impervious_percent": float(words[4]),
            "width_m": float(words[5]) * self.length_m,
            "slope_percent": float(words[6]),
        }

    def _outline(self, words: list[str]) -> shapely.Geometry | None:
        points = self.outlines.get(words[0], [])
        return shapely.Polygon(points) if len(points) > 2 else None


def _point(line: Line) -> Point | None:
    if len(line.words) < 3 or not (_is_number(line.words[1]) and _is_number(line.words[2])):
        return None
    return float(line.words[1]), float(line.words[2])


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
