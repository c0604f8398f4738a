"""The picture of an incident: zones, events and units over the buildings and roads around, drawn without a browser."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from math import cos, radians
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely
from sqlalchemy import Connection, Table, func, select

from cim.access import Caller
from cim.tables import building, river_area, road
from layers.queries.visible import in_area, visible_layers
from tiles.briefing import PREVENTION, Briefing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Least height of what is shown, and what is left around the zones.
LEAST_M, MARGIN = 400.0, 0.12
#: More objects than these would be a smear, and slow to draw.
MOST = {"building": 15_000, "road": 8_000, "river_area": 2_000}
SIZE_PX = (1600, 1200)
DPI = 160
FONTS = ("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
         "Noto Sans CJK JP", "Microsoft YaHei", "PingFang SC", "SimHei", "Noto Serif CJK SC")  # fmt: skip
ZONE_COLOURS = {"sealed": "#c8262b", "controlled": "#e8811a", "prevention": "#d9b310"}
ZONE_COLOUR = "#2a63b8"
_NICE = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
#: The library keeps fonts in tables that two threads must not fill at one time.
_DRAWING = Lock()

Extent = tuple[float, float, float, float]
Polygons = Sequence[np.ndarray[Any, Any]]


class Picture(NamedTuple):
    """A PNG that is filled to its edges: west, south, east, north in degrees; linear in longitude and latitude."""

    png: bytes
    extent: Extent
    width: int
    height: int


def draw(connection: Connection, briefing: Briefing, caller: Caller, size: tuple[int, int] = SIZE_PX) -> Picture:
    """Return the picture of an incident, as a caller may see it."""
    extent = extent_of(briefing, size)
    around = {table.name: surroundings(connection, table, extent, caller) for table in (river_area, road, building)}
    with _DRAWING:
        return Picture(_drawn(briefing, around, extent, size), extent, *size)


def extent_of(briefing: Briefing, size: tuple[int, int] = SIZE_PX) -> Extent:
    """Return what of the map is shown: zones, events and places, with a margin, in the form of the picture."""
    shapes = [zone.shape for zone in briefing.near()]
    shapes += [shapely.Point(*place) for _, place, _ in places(briefing)]
    west, south, east, north = shapely.total_bounds(shapes) if shapes else (114.0, 22.5, 114.1, 22.6)
    lon, lat = (west + east) / 2, (south + north) / 2
    wide_m, high_m = metres_a_degree(lat)
    height_m = max((north - south) * high_m * (1 + 2 * MARGIN), LEAST_M)
    height_m = max(height_m, (east - west) * wide_m * (1 + 2 * MARGIN) * size[1] / size[0])
    high, wide = height_m / high_m / 2, height_m * size[0] / size[1] / wide_m / 2
    return float(lon - wide), float(lat - high), float(lon + wide), float(lat + high)


def metres_a_degree(latitude: float) -> tuple[float, float]:
    """Return how long a degree of longitude and one of latitude are (GRS 80; series of Snyder, USGS 1395)."""
    phi = radians(max(-87.0, min(87.0, latitude)))
    wide = 111_412.84 * cos(phi) - 93.5 * cos(3 * phi) + 0.118 * cos(5 * phi)
    return wide, 111_132.92 - 559.82 * cos(2 * phi) + 1.175 * cos(4 * phi)


def places(briefing: Briefing) -> list[tuple[str, tuple[float, float], str]]:
    """Return kind, longitude and latitude, and name of the points that are shown."""
    found: list[tuple[str, tuple[float, float], str]] = []
    for kind in ("events", "units", "notes"):
        for feature in briefing.known[kind]["features"]:
            if feature["geometry"]:
                told = feature["properties"]
                name = told.get("title") or told.get("name") or told.get("code") or told.get("text") or ""
                found.append((kind, tuple(feature["geometry"]["coordinates"]), str(name)))
    position = briefing.incident["position"]
    if position:
        found.append(("incident", tuple(position), briefing.incident["name"]))
    return found


def surroundings(connection: Connection, table: Table, extent: Extent, caller: Caller) -> list[shapely.Geometry]:
    """Return what of a table lies in a box and a caller may see; nothing where that is too much to draw."""
    layers = [entry.id for entry in visible_layers(connection, caller) if entry.table is table]
    rows = connection.execute(
        select(func.ST_AsBinary(table.c.geom))
        .where(table.c.layer_id.in_(layers), table.c.geom.op("&&")(func.ST_MakeEnvelope(*extent, 4490)),
               in_area(table, caller))
        .limit(MOST[table.name] + 1)
    ).scalars().all()  # fmt: skip
    return [] if len(rows) > MOST[table.name] else [shapely.from_wkb(bytes(row)) for row in rows]


def _drawn(
    briefing: Briefing, around: Mapping[str, list[shapely.Geometry]], extent: Extent, size: tuple[int, int]
) -> bytes:
    # Costs half a second to load, which nobody should wait for who only wants a tile.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI, facecolor="#f4f2ec")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_xlim(extent[0], extent[2])
    axes.set_ylim(extent[1], extent[3])
    axes.set_aspect("auto")
    _ground(axes, around)
    font = _font()
    for number, zone in enumerate(briefing.zones, 1):
        told = zone.feature["properties"]
        colour = ZONE_COLOURS.get(zone.kind, ZONE_COLOUR)
        _areas(
            axes,
            [zone.shape],
            facecolor=f"{colour}{'0c' if zone.kind == PREVENTION else '30'}",
            edgecolor=colour,
            linewidth=1.8,
            zorder=4,
        )
        where = shapely.point_on_surface(shapely.intersection(zone.shape, shapely.box(*extent)))
        if where.is_empty:
            continue
        _label(axes, where.x, where.y, _writable(font, str(told.get("name") or ""), str(number)), font, colour)
    lons, lats = ([getattr(gate, name) for gate in briefing.gates] for name in ("longitude", "latitude"))
    axes.scatter(lons, lats, s=26, marker="s", c="#1b232c", edgecolors="white", zorder=5)
    _points(axes, briefing, font)
    _scale(axes, extent)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI)
    return out.getvalue()


def _ground(axes: Axes, around: Mapping[str, list[shapely.Geometry]]) -> None:
    from matplotlib.collections import LineCollection

    _areas(axes, around["river_area"], facecolor="#b9d7ea", edgecolor="#8fb9d4", linewidth=0.4, zorder=1)
    lines = [shapely.get_coordinates(part) for part in _parts(around["road"]) if part.geom_type == "LineString"]
    axes.add_collection(LineCollection(lines, colors="#c9c2b3", linewidths=1.6, zorder=2), autolim=False)
    _areas(axes, around["building"], facecolor="#d8d3cb", edgecolor="#a9a297", linewidth=0.3, zorder=3)


def _areas(axes: Axes, shapes: Iterable[shapely.Geometry], **look: Any) -> None:
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path

    paths = []
    for part in _parts(shapes):
        if part.geom_type == "Polygon":
            rings = [part.exterior, *part.interiors]
            paths.append(
                Path.make_compound_path(*(Path(np.asarray(ring.coords)[:, :2], closed=True) for ring in rings))
            )
    axes.add_collection(PathCollection(paths, **look), autolim=False)


def _parts(shapes: Iterable[shapely.Geometry]) -> list[Any]:
    return list(shapely.get_parts(np.array(list(shapes), dtype=object)))


def _points(axes: Axes, briefing: Briefing, font: Any) -> None:
    looks = {"events": ("o", "#c8262b", 60), "units": ("^", "#1f7a4d", 60), "notes": ("s", "#6b4fa0", 45),
             "incident": ("*", "#c8262b", 320)}  # fmt: skip
    for kind, (lon, lat), name in places(briefing):
        marker, colour, area = looks[kind]
        axes.scatter([lon], [lat], s=area, marker=marker, c=colour, edgecolors="white", linewidths=1.2, zorder=6)
        if kind != "notes":
            _label(axes, lon, lat, _writable(font, name[:24], ""), font, colour, below=True)


def _label(axes: Axes, x: float, y: float, text: str, font: Any, colour: str, *, below: bool = False) -> None:
    from matplotlib.patheffects import withStroke

    if text:
        axes.annotate(
            text, (x, y), xytext=(0, -9 if below else 0), textcoords="offset points", ha="center",
            va="top" if below else "center", fontproperties=font, fontsize=10, color=colour, zorder=7,
            path_effects=[withStroke(linewidth=3, foreground="white")], parse_math=False,
        )  # fmt: skip


def _scale(axes: Axes, extent: Extent) -> None:
    """Draw how long something is, and where north is (up)."""
    west, south, east, north = extent
    metre = 1 / metres_a_degree((south + north) / 2)[0]
    most = (east - west) / metre / 4
    length = max((nice for nice in _NICE if nice <= most), default=most)
    x, y = west + (east - west) * 0.03, south + (north - south) * 0.04
    axes.plot([x, x + length * metre], [y, y], color="#333333", linewidth=3, solid_capstyle="butt", zorder=8)
    words = f"{length:g} m" if length < 1000 else f"{length / 1000:g} km"
    axes.annotate(f"{words}   N ↑", (x, y), xytext=(0, 5), textcoords="offset points", fontsize=9, zorder=8)


def _font() -> Any:
    """Return a font of this machine that has Chinese, else the library's own."""
    from matplotlib import font_manager

    known = {entry.name for entry in font_manager.fontManager.ttflist}
    return font_manager.FontProperties(family=next((name for name in FONTS if name in known), "DejaVu Sans"))


def _writable(font: Any, text: str, instead: str) -> str:
    """Return a text where the font has all of its characters, else what stands for it: never empty boxes."""
    from matplotlib import font_manager

    face = font_manager.get_font(font_manager.findfont(font))
    return text if all(character == " " or face.get_char_index(ord(character)) for character in text) else instead
