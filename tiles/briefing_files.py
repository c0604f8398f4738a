"""The files of a briefing: tables for a spreadsheet, layers for a GIS, and what they are."""

from __future__ import annotations

import csv
import io
import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas
import orjson
import pandas
import shapely
from sqlalchemy import Connection, func, select

from cim.access import Caller
from cim.tables import building
from layers.queries.small_counts import PERSONAL, sees_all, without_small
from layers.queries.visible import in_area, visible_layers
from tiles.briefing import PEOPLE, Briefing
from tiles.briefing_page import words
from tiles.briefing_texts import texts_in

#: Spreadsheets take a file for UTF-8 only with it.
BOM = "\ufeff"
#: What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
MOST_BUILDINGS = 50_000
CRS = "EPSG:4490"
_BUILDING = ("id", "code", "name", "use", "address", "storeys_above", "storeys_below", "height_m", *PEOPLE)


def timeline_csv(briefing: Briefing) -> str:
    """Return the timeline as a table."""
    texts = texts_in("zh")
    head = ("at", "recorded_at", "kind", "ref", "what", "by", "origin", "uuid", "corrects", "corrected_by")
    rows = (
        (one["at"], one["recorded_at"], one["kind"], one["ref"], words(one, texts), one["by"], one["origin"],
         one["uuid"], one["corrects"], " ".join(one["corrected_by"]))
        for one in briefing.entries
    )  # fmt: skip
    return table(head, rows)


def zones_csv(briefing: Briefing) -> str:
    """Return zones with their areas and counts as a table."""
    ends = [f"{name}_{end}" for name in PEOPLE for end in ("low", "high")]
    head = ("id", "name", "kind", "version", "author", "area_m2", "buildings", "units", *ends, "gates", "receipt")
    rows = []
    for zone in briefing.zones:
        told, houses, people = zone.feature["properties"], zone.layer("buildings"), zone.people()
        counts = (houses["count"], houses["sums"].get("units")) if houses else (None, None)
        rows.append((
            zone.feature["id"], told.get("name"), told.get("kind"), told.get("version"), told.get("author"),
            zone.inventory["area_m2"], *counts, *(end for name in PEOPLE for end in people.get(name, (None, None))),
            sum(gate.zone_id == zone.feature["id"] for gate in briefing.gates),
            zone.inventory["receipt"]["hash"],
        ))  # fmt: skip
    return table(head, rows)


def inventory_csv(briefing: Briefing) -> str:
    """Return what lies in the zones, layer by layer, as a table."""
    head = ("zone_id", "zone", "theme", "layer", "title_zh", "title_en", "count", "sums")
    rows = [
        (zone.feature["id"], zone.feature["properties"].get("name"), theme["id"], entry["id"], entry["title"]["zh"],
         entry["title"]["en"], entry["count"], json.dumps(entry["sums"]))
        for zone in briefing.zones for theme in zone.inventory["themes"] for entry in theme["layers"] if entry["count"]
    ]  # fmt: skip
    return table(head, rows)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as CSV (RFC 4180) that spreadsheets open rightly and take for no formulas."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return BOM + out.getvalue()


def _cell(value: Any) -> Any:
    is_formula = isinstance(value, str) and value.startswith(_FORMULA)
    return f"'{value}" if is_formula else value


def write_geopackage(connection: Connection, briefing: Briefing, caller: Caller, file: Path) -> list[str]:
    """Write the incident, zones, events, units, notes, gates and the buildings inside; returns the layers' names."""
    written = []
    for name, frame in _frames(connection, briefing, caller):
        if len(frame) == 0:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame.to_file(file, layer=name, driver="GPKG", engine="pyogrio", promote_to_multi=False)
        written.append(name)
    return written


def _frames(connection: Connection, briefing: Briefing, caller: Caller) -> Iterable[tuple[str, Any]]:
    incident = dict(briefing.incident)
    position = incident.pop("position")
    place = shapely.Point(position) if position else None
    yield "incident", geopandas.GeoDataFrame([incident], geometry=[place], crs=CRS)
    for name in ("zones", "events", "units", "notes"):
        yield name, _frame(briefing.known[name]["features"])
    places = [shapely.Point(gate.longitude, gate.latitude) for gate in briefing.gates]
    rows = [{"zone_id": gate.zone_id, "zone_kind": gate.kind} for gate in briefing.gates]
    yield "gates", geopandas.GeoDataFrame(pandas.DataFrame(rows), geometry=places, crs=CRS)
    yield "buildings", buildings_inside(connection, briefing, caller)


def _frame(features: Sequence[Mapping[str, Any]]) -> Any:
    shapes = [None if one["geometry"] is None else _shape(one["geometry"]) for one in features]
    rows = [
        {"ref": str(one["id"])} | {name: _plain(value) for name, value in one["properties"].items() if name != "id"}
        for one in features
    ]
    return geopandas.GeoDataFrame(pandas.DataFrame(rows), geometry=shapes, crs=CRS)


def _shape(geometry: Mapping[str, Any]) -> shapely.Geometry:
    return shapely.from_geojson(orjson.dumps(geometry))


def _plain(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def buildings_inside(connection: Connection, briefing: Briefing, caller: Caller) -> Any:
    """Return the buildings that touch a zone as a frame (EPSG:4490), with the names of these zones."""
    layers = [entry.id for entry in visible_layers(connection, caller) if entry.table is building]
    found: dict[int, dict[str, Any]] = {}
    for zone in briefing.near():
        shape = func.ST_GeomFromWKB(shapely.to_wkb(zone.shape), 4490)
        rows = connection.execute(
            select(*_columns(caller), func.ST_AsBinary(building.c.geom).label("shape"))
            .where(building.c.layer_id.in_(layers), func.ST_Intersects(building.c.geom, shape),
                   in_area(building, caller))
            .order_by(building.c.id)
            .limit(MOST_BUILDINGS)
        ).mappings()  # fmt: skip
        for row in rows:
            told = found.setdefault(row["id"], {str(name): value for name, value in row.items()} | {"zones": []})
            told["zones"].append(str(zone.feature["properties"].get("name")))
    shapes = [shapely.from_wkb(bytes(told.pop("shape"))) for told in found.values()]
    houses = [told | {"zones": "; ".join(told["zones"])} for told in found.values()]
    return geopandas.GeoDataFrame(pandas.DataFrame(houses), geometry=shapes, crs=CRS)


def _columns(caller: Caller) -> list[Any]:
    hidden = () if sees_all(caller) else PERSONAL["building"]
    return [without_small(building.c[name]).label(name) if name in hidden else building.c[name] for name in _BUILDING]
