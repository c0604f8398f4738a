"""Roads that tests draw themselves, and the same roads as a graph of every vertex, made without any of ours."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import shapely
from pyproj import Geod
from sqlalchemy import Connection, insert, text

from cim.provenance import touch_layers
from cim.tables import road
from layers.networks.connect import connect_roads
from tests.layers.laid_networks import place

GEOD = Geod(ellps="GRS80")
#: Seconds a metre on foot.
FOOT = 3.6 / 4.8


class Way(NamedTuple):
    """A road: (n, 2) longitude and latitude, seconds a metre along and against it, None where it is closed."""

    key: str
    line: np.ndarray[Any, np.dtype[np.float64]]
    along: float | None
    against: float | None


def lay_roads(
    connection: Connection, roads: Sequence[tuple[str, Sequence[tuple[float, float]], dict[str, Any]]]
) -> None:
    """Lay roads (key, metres east and north of the corner, columns) and connect them."""
    for key, points, columns in roads:
        line = ", ".join(" ".join(map(repr, place(*point))) for point in points)
        values = {"layer_id": "roads", "source_key": key, "name": key, "class": "secondary", "speed_kmh": 36.0,
                  "oneway": False, "geom": f"SRID=4490;MULTILINESTRING(({line}))"}  # fmt: skip
        connection.execute(insert(road).values(values | columns))
    connect_roads(connection, 0.1)
    touch_layers(connection, ["roads"], "test", None)


ROADS = text(
    "select source_key, class, speed_kmh, coalesce(oneway, false) as oneway, attributes->>'oneway' as tag,"
    " ST_AsBinary(ST_GeometryN(geom, 1)) as wkb from cim.road where ST_NumGeometries(geom) = 1 order by id"
)


def ways_of(connection: Connection, profile: str, speeds: dict[str, float], never: Container[str]) -> list[Way]:
    """Return the roads in the database as they are passed; those of some classes are not."""
    found = []
    for row in connection.execute(ROADS):
        line = shapely.get_coordinates(shapely.from_wkb(bytes(row.wkb)))
        kind = row._mapping["class"] or ""
        if kind in never:
            continue
        if profile == "foot":
            found.append(Way(row.source_key, line, FOOT, FOOT))
        else:
            pace = 3.6 / (row.speed_kmh or speeds.get(kind, 20.0))
            is_back = row.tag == "-1"
            found.append(Way(row.source_key, line, None if is_back else pace,
                             pace if is_back or not row.oneway else None))  # fmt: skip
    return found


class EveryVertex:
    """A graph whose nodes are all vertices of all roads, by their coordinates to 1e-7 degrees."""

    def __init__(self, ways: Sequence[Way], is_closed: Callable[[Way], bool] = lambda way: False) -> None:
        self.ways = [way for way in ways if not is_closed(way)]
        self.graph: nx.DiGraph[Any] = nx.DiGraph()
        pieces, owners = [], []
        for number, way in enumerate(self.ways):
            lengths = GEOD.line_lengths(way.line[:, 0], way.line[:, 1])
            for at, length in enumerate(lengths):
                self._join(key(way.line[at]), key(way.line[at + 1]), length, way)
                pieces.append(way.line[at : at + 2])
                owners.append((number, at))
        self.segments = np.array(pieces)
        self.owners = owners

    def _join(self, start: Any, end: Any, length: float, way: Way) -> None:
        for a, b, pace in ((start, end, way.along), (end, start, way.against)):
            if pace is not None and self.graph.get_edge_data(a, b, {"seconds": np.inf})["seconds"] > length * pace:
                self.graph.add_edge(a, b, seconds=length * pace, metres=length)

    def put(self, name: str, lon: float, lat: float) -> float:
        """Put a place on the nearest segment as a node, and return how far it is from it."""
        scale = np.array([np.cos(np.radians(lat)) * 111_320.0, 110_700.0])
        lines = shapely.linestrings((self.segments - [lon, lat]) * scale)
        origin = shapely.Point(0, 0)
        distances = shapely.distance(lines, origin)
        nearest = int(distances.argmin())
        number, at = self.owners[nearest]
        self.put_on(name, number, at, float(shapely.line_locate_point(lines[nearest], origin, normalized=True)))
        return float(distances[nearest])

    def put_on(self, name: str, number: int, at: int, share: float) -> tuple[float, float]:
        """Put a place on a segment of a way as a node, and return longitude and latitude."""
        way = self.ways[number]
        start, end = way.line[at], way.line[at + 1]
        on = start * (1 - share) + end * share
        for one, length in ((start, _length(start, on)), (end, _length(on, end))):
            ends = (key(one), name) if one is start else (name, key(one))
            self._join(*ends, length, way)
        # two places on one segment are joined as well
        for other, (its_number, its_at, its_share) in list(self.graph.graph.items()):
            if (its_number, its_at) == (number, at):
                ends = (other, name) if its_share <= share else (name, other)
                self._join(*ends, _length(on, start * (1 - its_share) + end * its_share), way)
        self.graph.graph[name] = (number, at, share)
        return float(on[0]), float(on[1])

    def seconds(self, start: str, end: str) -> float | None:
        try:
            return float(nx.dijkstra_path_length(self.graph, start, end, weight="seconds"))
        except nx.NetworkXNoPath:
            return None


def key(point: Any) -> tuple[int, int]:
    lon, lat = point
    return round(lon * 1e7), round(lat * 1e7)


def _length(start: Any, end: Any) -> float:
    return float(GEOD.inv(*start, *end)[2])
