"""Layers that operators add, and what they say of layers."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from cim.crs import parse_crs
from cim.errors import InvalidInput, NotFound
from cim.provenance import touch_layers
from cim.tables import ROLES, layer, theme

GEOMETRIES = ("polygon", "line", "point", "mixed", "none")
FIELD_TYPES = ("string", "integer", "number", "boolean", "datetime")
_ID = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ZOOM = re.compile(r"(\d{1,2})-(\d{1,2})")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_MOST_ZOOM = 22
_DEFAULT_THEME = "other"
#: After all layers of the standard catalogue.
_POSITION = 1000


class Said(NamedTuple):
    """What an operator says of a layer; None where nothing is said.

    ``theme_title`` is 'zh/en' of a theme that may be new; ``zoom`` 'min-max'; ``fields`` 'name:type[:zh[:en]]' each.
    """

    theme: str | None = None
    theme_title: str | None = None
    title_zh: str | None = None
    title_en: str | None = None
    owner: str | None = None
    licence: str | None = None
    source: str | None = None
    data_date: date | None = None
    crs: str | None = None
    accuracy_m: float | None = None
    zoom: str | None = None
    color: str | None = None
    visibility: str | None = None
    fields: tuple[str, ...] = ()


def add_layer(connection: Connection, layer_id: str, geometry_type: str, said: Said) -> None:
    """Add a layer of generic features; raises InvalidInput where its id is taken or a value cannot be."""
    _check_id(layer_id)
    if geometry_type not in GEOMETRIES:
        raise InvalidInput(f"'{geometry_type}' is no kind of geometry; use {', '.join(GEOMETRIES)}")
    if connection.execute(select(layer.c.id).where(layer.c.id == layer_id)).first():
        raise InvalidInput(f"there is a layer '{layer_id}' already; 'cim layers set {layer_id}' changes it")
    title = said.title_zh or said.title_en or layer_id
    values = {
        "id": layer_id,
        "theme_id": _DEFAULT_THEME,
        "title_zh": title,
        "title_en": said.title_en or title,
        "table_name": "feature",
        "geometry_type": geometry_type,
        "min_zoom": 8 if geometry_type == "polygon" else 10,
        "max_zoom": 16,
        "position": _POSITION,
    }
    values |= _values(connection, said, {}, {})
    connection.execute(insert(layer).values(values))


def change_layer(connection: Connection, layer_id: str, said: Said) -> None:
    """Change what is said of a layer and tell its viewers; raises NotFound, InvalidInput."""
    present = connection.execute(select(layer).where(layer.c.id == layer_id).with_for_update()).one_or_none()
    if present is None:
        raise NotFound(f"there is no layer '{layer_id[:100]}'; 'cim layers' lists them, 'cim layers add' makes one")
    values = _values(connection, said, present.fields, present.style)
    if not values:
        raise InvalidInput("nothing to change was said; see 'cim layers set --help'")
    connection.execute(update(layer).where(layer.c.id == layer_id).values(values))
    touch_layers(connection, [layer_id], None, None)


def _values(connection: Connection, said: Said, fields: dict[str, Any], style: dict[str, Any]) -> dict[str, Any]:
    plain = ("title_zh", "title_en", "owner", "licence", "source", "data_date", "accuracy_m")
    values: dict[str, Any] = {name: getattr(said, name) for name in plain if getattr(said, name) is not None}
    if said.theme is not None:
        values["theme_id"] = _theme(connection, said.theme, said.theme_title)
    if said.crs is not None:
        parse_crs(said.crs)
        values["crs"] = said.crs
    if said.zoom is not None:
        values["min_zoom"], values["max_zoom"] = _zoom(said.zoom)
    if said.color is not None:
        values["style"] = {"legend": [], "legend_field": None} | style | {"color": _color(said.color)}
    if said.visibility is not None:
        values["visibility"] = _visibility(said.visibility)
    if said.fields:
        values["fields"] = fields | dict(map(_field, said.fields))
    return values


def _check_id(text: str) -> None:
    if not _ID.fullmatch(text):
        raise InvalidInput(f"'{text[:100]}' cannot be an id; use small Latin letters, digits and _, e.g. 'bus_stops'")


def _theme(connection: Connection, theme_id: str, title: str | None) -> str:
    if connection.execute(select(theme.c.id).where(theme.c.id == theme_id)).first():
        return theme_id
    if title is None:
        known = ", ".join(connection.execute(select(theme.c.id).order_by(theme.c.position)).scalars())
        raise InvalidInput(f"there is no theme '{theme_id[:100]}'; there are {known}; --theme-title 'zh/en' adds one")
    _check_id(theme_id)
    zh, _, en = title.partition("/")
    connection.execute(insert(theme).values(id=theme_id, title_zh=zh.strip(), title_en=en.strip() or zh.strip()))
    return theme_id


def _zoom(text: str) -> tuple[int, int]:
    found = _ZOOM.fullmatch(text)
    if found is None or not int(found[1]) <= int(found[2]) <= _MOST_ZOOM:
        raise InvalidInput(f"'{text}' is no range of zoom levels; use one within 0-{_MOST_ZOOM} such as 10-16")
    return int(found[1]), int(found[2])


def _color(text: str) -> str:
    if not _COLOR.fullmatch(text):
        raise InvalidInput(f"'{text}' is no colour; use one such as #5b8ff9")
    return text.lower()


def _visibility(text: str) -> str:
    if text not in ROLES:
        raise InvalidInput(f"'{text}' is no role; use {', '.join(ROLES)}")
    return text


def _field(text: str) -> tuple[str, dict[str, Any]]:
    name, kind, zh, en, *_ = [*text.split(":"), *[""] * 4]
    if not name or kind not in FIELD_TYPES:
        raise InvalidInput(f"'{text}' is no field; use name:type[:zh[:en]] with a type of {', '.join(FIELD_TYPES)}")
    return name, {"type": kind, "title": {"zh": zh or name, "en": en or zh or name}}
