"""After an import: addresses of new or changed buildings are taken apart, and new names get their pinyin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, exists, func, literal, select, text

from cim.db import copy_rows, driver
from cim.importing import AfterImport
from cim.tables import address, building, metadata, place_name
from layers.addresses.parse import Address, parse
from layers.addresses.pinyin import has_han, pinyin_of

_COLUMNS = ("building_id", "said", "district", "street", "community", "road", "number", "estate", "block")
_KINDS = ("district", "street", "community", "road", "estate")
#: Tables whose names are found by pinyin, besides buildings: few enough names, and such that people type.
NAMED = ("road", "river", "river_area", "water_work", "parking", "resource", "feature")
#: A separator that no address has.
_AND = "\n"
_MANY = 1000
#: Addresses that are in memory at once.
_PAGE = 20_000


def read_addresses_after_import(connection: Connection, after: AfterImport) -> None:
    """Bring addresses and names up to date with what an import changed; the same import again changes nothing."""
    layers = after.result.layers
    if any(counts.is_changed for name, counts in layers.items() if name == "buildings") or _is_unread(connection):
        read_addresses(connection)
    names = {
        str(table_name)
        for (table_name,) in connection.execute(
            text("SELECT DISTINCT table_name FROM cim.layer WHERE id = ANY(:ids)"),
            {"ids": [layer_id for layer_id, counts in layers.items() if counts.is_changed]},
        )
    }
    for table_name in sorted(names & set(NAMED)):
        _add_names(connection, "name", _unknown_names(table_name))


def read_addresses(connection: Connection) -> int:
    """Take apart the addresses that are new or have changed, and return how many there were."""
    with driver(connection).cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS stage_address (LIKE cim.address INCLUDING DEFAULTS) ON COMMIT DROP"
        )
        cursor.execute("TRUNCATE stage_address")
    changed = _stage_changed(connection)
    silent = exists(select(building.c.id).where(building.c.id == address.c.building_id, _said() == _AND))
    removed = connection.execute(delete(address).where(silent)).rowcount
    if changed or removed:
        # Only an address that was known before can leave a name behind that nobody bears any more.
        is_renamed = removed > 0 or bool(connection.execute(text(_KNOWN)).scalar_one())
        connection.execute(text(_UPSERT))
        if changed >= _MANY:
            connection.execute(text("ANALYZE cim.address"))
        for kind in _KINDS:
            _add_names(connection, kind, _unknown_parts(kind))
            if is_renamed:
                unused = ~exists(select(address.c.building_id).where(address.c[kind] == place_name.c.name))
                connection.execute(delete(place_name).where(place_name.c.kind == kind, unused))
    return changed


def _stage_changed(connection: Connection) -> int:
    """Stage the parts of all new and changed addresses, some thousand at a time: a district has 170,000."""
    total, last = 0, 0
    while rows := connection.execute(_changed().where(building.c.id > last).limit(_PAGE)).all():
        total += copy_rows(connection, "stage_address", _COLUMNS, _taken_apart(rows))
        last = rows[-1].id
    return total


_KNOWN = "SELECT EXISTS (SELECT FROM stage_address JOIN cim.address USING (building_id))"
_UPSERT = (
    "INSERT INTO cim.address SELECT * FROM stage_address ON CONFLICT (building_id) DO UPDATE SET"
    " said = excluded.said, district = excluded.district, street = excluded.street, community = excluded.community,"
    " road = excluded.road, number = excluded.number, estate = excluded.estate, block = excluded.block"
)


def _said() -> ColumnElement[str]:
    return func.concat_ws(_AND, func.coalesce(building.c.address, ""), func.coalesce(building.c.name, ""))


def _changed() -> Select[Any]:
    said = _said()
    return (
        select(building.c.id, said.label("said"))
        .outerjoin(address, address.c.building_id == building.c.id)
        .where(address.c.said.is_distinct_from(said), said != _AND)
        .order_by(building.c.id)
    )


def _is_unread(connection: Connection) -> bool:
    """Tell whether there are buildings and none of their addresses has been read (an older database)."""
    return bool(
        connection.execute(select(exists(select(building.c.id)) & ~exists(select(address.c.said)))).scalar_one()
    )


def _taken_apart(rows: Iterable[Row[Any]]) -> Iterator[tuple[object, ...]]:
    for row in rows:
        building_id, said = row.id, str(row.said)
        where, _, name = said.partition(_AND)
        parts = parts_of(where, name)
        yield (building_id, said, *(getattr(parts, column) or None for column in _COLUMNS[2:]))


def parts_of(where: str, name: str) -> Address:
    """Take apart what a building says: its address, and from its name what the address leaves out."""
    parts = parse(where) if where else Address()
    if name and not (parts.estate and parts.block):
        named = parse(name)
        if not parts.estate and not named.road:
            parts.estate, parts.block = named.estate, parts.block or named.block
        elif named.estate == parts.estate:
            parts.block = parts.block or named.block
    return parts


def _unknown_parts(kind: str) -> Select[Any]:
    column = address.c[kind]
    known = select(literal(1)).where(place_name.c.kind == kind, place_name.c.name == column)
    return select(column).distinct().where(column.is_not(None), ~exists(known))


def _unknown_names(table_name: str) -> Select[Any]:
    column = metadata.tables[f"cim.{table_name}"].c.name
    known = select(literal(1)).where(place_name.c.kind == "name", place_name.c.name == column)
    return select(column).distinct().where(column.op("~")("[一-鿿]"), func.char_length(column) <= 60, ~exists(known))


def _add_names(connection: Connection, kind: str, unknown: Select[Any]) -> None:
    # One writer at a time: a name is there once.
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("cim.place_name"))))
    names = connection.execute(unknown).scalars().all()
    if names:
        rows = ((kind, name, *pinyin_of(name), variants_of(name)) for name in names)
        copy_rows(connection, "place_name", ("kind", "name", "pinyin", "initials", "variants"), rows)
        if len(names) >= _MANY:
            connection.execute(text("ANALYZE cim.place_name"))


def variants_of(name: str) -> list[str]:
    """Return a name, and what is left without each one of its signs (of short names only)."""
    if not 2 < len(name) <= 12 or not has_han(name):
        return [name]
    return sorted({name, *(name[:n] + name[n + 1 :] for n in range(len(name)))})
