"""The layer catalogue: themes and standard layers, layers that imports add, and what the catalogue says of them."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from cim.access import Caller
from cim.errors import NotFound
from cim.layer_origin import Origin, describe, origins
from cim.tables import building, layer, model, theme
from layers.extent import Measure, measure_layers

#: A zoom no tile has: fields that queries show and tiles do not.
NEVER_IN_TILES = 23
GENERIC_THEME = "other"
#: Colours for layers that imports add; chosen by the layer's id, so that they are stable.
PALETTE = ("#5b8ff9", "#61c0a2", "#f6bd16", "#e8684a", "#6dc8ec", "#9270ca", "#ff9d4d", "#269a99", "#d47fb0", "#7a8799")
_PRISTINE = ("theme_id", "title_zh", "title_en", "min_zoom", "max_zoom", "fields", "style", "visibility", "position",
             "is_default_on", "overview")  # fmt: skip


class LayerRow(NamedTuple):
    """One row of the catalogue.

    ``fields``: name -> {"type", "title": {"zh", "en"}, "min_zoom"}, the allow-list of what may be shown; names are
    columns of the table ``table_name`` or keys of ``attributes`` for the table ``feature``. ``style``: {"color",
    "legend": [{"label": {"zh", "en"}, "color", "value"}], "legend_field"}. ``overview``: how small scales are drawn
    (``tiles.overview``).
    """

    id: str
    theme_id: str
    title_zh: str
    title_en: str
    table_name: str
    geometry_type: str
    min_zoom: int
    max_zoom: int
    fields: dict[str, Any]
    style: dict[str, Any]
    visibility: str
    version: int
    updated_at: datetime | None
    overview: dict[str, Any]


def seed(connection: Connection) -> None:
    """Write the themes and standard layers; rows that an operator has changed stay as they are."""
    document = _document()
    themes = [
        {"id": entry["id"], "title_zh": entry["title"][0], "title_en": entry["title"][1], "position": 10 * number}
        for number, entry in enumerate(document["theme"], 1)
    ]
    connection.execute(upsert(theme).values(themes).on_conflict_do_nothing())
    known = {row.id: row for row in connection.execute(select(layer))}
    for number, entry in enumerate(document["layer"], 1):
        values = _standard_layer(entry, 10 * number)
        present = known.get(values["id"])
        if present is None:
            connection.execute(upsert(layer).values(values).on_conflict_do_nothing())
        elif _is_pristine(present) and present.style.get("seed") != values["style"]["seed"]:
            connection.execute(update(layer).where(layer.c.id == values["id"]).values(values))


def standard_tables() -> dict[str, tuple[str, str]]:
    """Return (table name, geometry type) of every standard layer."""
    return {entry["id"]: (entry["table"], entry["geometry"]) for entry in _document()["layer"]}


def ensure_layer(
    connection: Connection,
    layer_id: str,
    *,
    title: str,
    geometry_type: str,
    field_types: Mapping[str, str],
    theme_id: str = GENERIC_THEME,
    table_name: str = "feature",
) -> None:
    """Add a layer for generic features, or widen it by fields and kinds of geometry that it did not have.

    Parameters
    ----------
    field_types
        Name of an attribute -> string | integer | number | boolean | datetime.
    """
    fields = {name: {"type": kind, "title": {"zh": name, "en": name}} for name, kind in field_types.items()}
    present = connection.execute(select(layer).where(layer.c.id == layer_id).with_for_update()).one_or_none()
    if present is None:
        color = color_of(layer_id, {})
        values: dict[str, Any] = {
            "id": layer_id, "theme_id": theme_id, "title_zh": title, "title_en": title, "table_name": table_name,
            "geometry_type": geometry_type, "min_zoom": 8 if geometry_type == "polygon" else 10, "max_zoom": 16,
            "fields": fields, "style": {"color": color, "legend": [], "legend_field": None}, "position": 1000,
            # many points at small scales are clusters; of lines and areas the small ones are left out
            "overview": {"kind": "cluster", "below": 13} if geometry_type == "point" else {},
        }  # fmt: skip
        connection.execute(insert(layer).values(values))
        return
    kinds = {present.geometry_type, geometry_type} - {"none"}
    changes: dict[str, Any] = {}
    if set(fields) - set(present.fields):
        changes["fields"] = fields | present.fields
    if len(kinds) > 1 and present.geometry_type != "mixed":
        changes |= {"geometry_type": "mixed", "overview": {}}
    if changes:
        connection.execute(update(layer).where(layer.c.id == layer_id).values(changes))


def color_of(layer_id: str, style: Mapping[str, Any]) -> str:
    """Return a layer's colour; one by its id where its row has none, as rows that are added by hand may."""
    chosen = PALETTE[int(hashlib.sha256(layer_id.encode()).hexdigest(), 16) % len(PALETTE)]
    return str(style.get("color") or chosen)


def get_layer(connection: Connection, layer_id: str, caller: Caller) -> LayerRow:
    """Return a layer's row; raises NotFound, also where the caller may not see it."""
    columns = [layer.c[name] for name in LayerRow._fields]
    row = connection.execute(
        select(*columns).where(layer.c.id == layer_id, layer.c.visibility.in_(caller.visible_levels()))
    ).one_or_none()
    if row is None:
        raise NotFound(
            f"there is no layer '{layer_id[:100]}'; /api/layers lists those that you may see",
            "no_such_layer", layer=layer_id[:100],
        )  # fmt: skip
    return LayerRow(*row)


def list_layers(connection: Connection, caller: Caller) -> list[dict[str, Any]]:
    """Return the layers that a caller may see, in the order of the legend, as the service shows them."""
    rows = connection.execute(
        select(layer, theme.c.title_zh.label("theme_zh"), theme.c.title_en.label("theme_en"))
        .join(theme)
        .where(layer.c.visibility.in_(caller.visible_levels()))
        .order_by(theme.c.position, layer.c.position, layer.c.id)
    ).all()
    measures = measure_layers(connection, {row.id: (row.table_name, row.version) for row in rows})
    known = origins(connection)
    return [_layer_as_json(row, measures[row.id], known.get(row.id, Origin())) for row in rows]


def list_models(connection: Connection, caller: Caller) -> list[dict[str, Any]]:
    """Return the BIM models that a caller may see, as the service shows them, by name."""
    box = func.Box2D(model.c.geom)
    statement = (
        select(
            model,
            building.c.name.label("building_name"),
            func.ST_XMin(box).label("west"),
            func.ST_YMin(box).label("south"),
            func.ST_XMax(box).label("east"),
            func.ST_YMax(box).label("north"),
        )
        .join(layer, layer.c.id == model.c.layer_id)
        .outerjoin(building, building.c.id == model.c.building_id)
        .where(layer.c.visibility.in_(caller.visible_levels()))
        .order_by(model.c.name, model.c.id)
    )
    if caller.area_code:
        statement = statement.where(building.c.area_code.startswith(caller.area_code, autoescape=True))
    return [_model_as_json(row) for row in connection.execute(statement)]


def district_extent(connection: Connection) -> tuple[float, float, float, float] | None:
    """Return west, south, east, north (degrees) of the buildings, else of all layers but terrain, else None."""
    rows = connection.execute(select(layer.c.id, layer.c.table_name, layer.c.version)).all()
    named = {row.id: (row.table_name, row.version) for row in rows if row.table_name != "terrain"}
    first = measure_layers(connection, {key: value for key, value in named.items() if value[0] == "building"})
    boxes = [measure.bounds for measure in first.values() if measure.bounds]
    if not boxes:
        boxes = [measure.bounds for measure in measure_layers(connection, named).values() if measure.bounds]
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    return tomllib.loads((files("layers") / "catalogue.toml").read_text("utf-8"))


def _standard_layer(entry: Mapping[str, Any], position: int) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": entry["id"],
        "theme_id": entry["theme"],
        "title_zh": entry["title"][0],
        "title_en": entry["title"][1],
        "table_name": entry["table"],
        "geometry_type": entry["geometry"],
        "min_zoom": entry["zoom"][0],
        "max_zoom": entry["zoom"][1],
        "fields": dict(map(_field, entry["field"])),
        "style": {
            "color": entry["color"],
            "legend_field": entry.get("legend_field"),
            "legend": [_legend_item(item) for item in entry.get("legend", [])]
            or [_legend_item(["", *entry["title"], entry["color"]])],
        },
        "visibility": entry.get("visibility", "viewer"),
        "position": position,
        "is_default_on": entry.get("default_on", False),
        "overview": entry.get("overview", {}),
    }
    values["style"]["seed"] = _fingerprint(values)
    return values


def _field(item: list[Any]) -> tuple[str, dict[str, Any]]:
    name, kind, zh, en, in_tiles, *tile_name = item
    field: dict[str, Any] = {"type": kind, "title": {"zh": zh, "en": en}}
    if not in_tiles:
        field["min_zoom"] = NEVER_IN_TILES
    if tile_name:
        field["tile_name"] = tile_name[0]
    return name, field


def _legend_item(item: list[str]) -> dict[str, Any]:
    value, zh, en, color = item
    return {"label": {"zh": zh, "en": en}, "color": color, "value": value or None}


def _fingerprint(values: Mapping[str, Any]) -> str:
    """Hash what an operator may change, without the fingerprint itself."""
    # An empty overview is left out: rows that were written before there was any are still known as untouched.
    plain = {key: values[key] for key in _PRISTINE if key != "overview" or values[key]}
    plain["style"] = {key: value for key, value in plain["style"].items() if key != "seed"}
    return hashlib.sha256(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _is_pristine(row: Row[Any]) -> bool:
    return bool(row.style.get("seed") == _fingerprint(row._asdict()))


def _layer_as_json(row: Row[Any], measure: Measure, origin: Origin) -> dict[str, Any]:
    is_drawn = row.geometry_type not in {"none", "raster"}
    return {
        "id": row.id,
        "title": {"zh": row.title_zh, "en": row.title_en},
        "theme": {"id": row.theme_id, "title": {"zh": row.theme_zh, "en": row.theme_en}},
        "geometry_type": row.geometry_type,
        "kind": "raster" if row.geometry_type == "raster" else row.table_name,
        "count": measure.objects,
        "bounds": list(measure.bounds) if measure.bounds else None,
        "min_zoom": row.min_zoom,
        "max_zoom": row.max_zoom,
        "version": row.version,
        "updated_at": row.updated_at.isoformat() if row.updated_at else None,
        **describe(row, origin),
        "tiles": f"/tiles/{row.id}.json" if is_drawn else None,
        "legend": row.style.get("legend")
        or [_legend_item(["", row.title_zh, row.title_en, color_of(row.id, row.style)])],
        "fields": {name: _public_field(field) for name, field in row.fields.items()},
        "visible": row.is_default_on,
        "searchable": not _TEXT_FIELDS.isdisjoint(row.fields),
    }


_TEXT_FIELDS = {"name", "code", "address", "title"}


def _public_field(field: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": field["type"], "title": field["title"]}


def _model_as_json(row: Row[Any]) -> dict[str, Any]:
    bounds = [row.west, row.south, row.east, row.north] if row.west is not None else None
    center = [row.longitude, row.latitude, row.height_m or 0.0] if row.longitude is not None else None
    if bounds and center is None:
        center = [(row.west + row.east) / 2, (row.south + row.north) / 2, row.height_m or 0.0]
    return {
        "id": row.id,
        "name": row.name,
        "building_id": row.building_id,
        "schema": row.ifc_schema,
        "elements": row.element_count,
        "status": row.status,
        "tileset": f"/3d/models/{row.id}/tileset.json",
        "center": center,
        "bounds": bounds,
        "imported_at": row.recorded_at.isoformat(),
    }


def themes_of(connection: Connection) -> Iterable[Row[Any]]:
    """Return the themes in their order."""
    return connection.execute(select(theme).order_by(theme.c.position, theme.c.id)).all()
