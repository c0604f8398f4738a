"""What the files of models say of one object in relation to others: systems and members, connected ports, and so on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from sqlalchemy import BigInteger, Column, Connection, MetaData, Select, Table, Text, func, literal, select, union_all

from cim.access import Caller
from cim.tables import model, object_link
from layers.queries.visible import visible_layers

#: Links of one relation and direction that are shown; a filter gives the others.
SHOWN = 50
#: kind -> (relation of what it leads to, relation of what it comes from)
_RELATIONS = {
    "member": ("member", "group"),
    "port": ("connected_to", "connected_from"),
    "connects": ("connects", "connects"),
    "fills": ("fills", "filled_by"),
    "bounds": ("bounded_by", "bounds"),
    "covers": ("covers", "covered_by"),
    "serves": ("serves", "served_by"),
    "controls": ("controls", "controlled_by"),
    "references": ("references", "referenced_by"),
}
_OBJECT = Table(
    "object", MetaData(), Column("id", BigInteger), Column("layer_id", Text), Column("name", Text), schema="cim"
)


def related(object_id: int) -> Select[Any]:
    """Return the statement for kind, direction and id of all that an object is related to, numbered by relation."""
    link = object_link.c
    ways = union_all(
        select(link.kind, literal(True).label("is_out"), link.to_id.label("id")).where(link.from_id == object_id),
        select(link.kind, literal(False).label("is_out"), link.from_id.label("id")).where(link.to_id == object_id),
    ).subquery()
    number = func.row_number().over(partition_by=(ways.c.kind, ways.c.is_out), order_by=ways.c.id).label("number")
    return select(ways.c.kind, ways.c.is_out, ways.c.id, number)


def relation_links(connection: Connection, object_id: int, caller: Caller) -> list[dict[str, Any]]:
    """Return links to what an object is related to, the first of each relation, as far as the caller may see it."""
    rows = connection.execute(related(object_id)).all()
    shown = [row for row in rows if row.number <= SHOWN]
    visible = {entry.id for entry in visible_layers(connection, caller)} if shown else set()
    found = connection.execute(
        select(_OBJECT.c.id, _OBJECT.c.layer_id, _OBJECT.c.name).where(_OBJECT.c.id.in_({row.id for row in shown}))
    )
    names = {row.id: row.name or str(row.id) for row in found if row.layer_id in visible}
    links = []
    for row in sorted(shown, key=lambda row: (row.kind, not row.is_out, row.number)):
        forth, back = _RELATIONS.get(row.kind, (row.kind, row.kind))
        if row.id in names:
            links.append({"rel": forth if row.is_out else back, "href": f"/objects/{row.id}", "title": names[row.id]})
    if any(row.kind == "member" and row.is_out for row in rows):
        asked = quote(f"member_of = {object_id}")
        links.append({"rel": "members", "href": f"/ogc/collections/elements/items?filter={asked}", "title": "成员"})
    return links


def value_types(connection: Connection, model_id: int | None, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return set -> property -> {"type", "unit"} of an object's property sets and quantities.

    What most objects of its model have stands on the model; what is otherwise, on the object.
    """
    sets = {**extra.get("psets", {}), **extra.get("quantities", {})}
    if model_id is None or not sets:
        return {}
    usual = connection.execute(select(model.c.value_types).where(model.c.id == model_id)).scalar_one_or_none() or {}
    own = extra.get("value_types", {})
    types = {
        name: {word: kind for word, kind in {**usual.get(name, {}), **own.get(name, {})}.items() if word in values}
        for name, values in sets.items()
        if isinstance(values, dict)
    }
    return {name: words for name, words in types.items() if words}
