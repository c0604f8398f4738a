"""Entities read: one statement for a page, one more for each link that is expanded, whatever their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import psycopg
from sqlalchemy import ARRAY, Connection, Select, and_, cast, exists, func, literal_column, select, tuple_
from sqlalchemy.exc import DBAPIError

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from layers.live.sensors.address import Address, Key, Step, read_key
from layers.live.sensors.entities import SETS, EntitySet
from layers.live.sensors.odata import condition, order
from layers.live.sensors.options import DEFAULT_TOP, Options, check_names
from layers.live.sensors.shown import is_empty, key_text, property_value, show

#: Entities that one answer may hold, expanded ones too.
MOST_ENTITIES = 50_000
KEY = "__key"


class Page:
    """Reads one address for one caller; counts what it has read."""

    def __init__(self, connection: Connection, caller: Caller, root: str) -> None:
        self._connection, self._caller, self._root = connection, caller, root
        self._count = 0

    def one(self, address: Address, options: Options) -> dict[str, Any]:
        """Return the entity that an address names; raises NotFound."""
        found = self._rows(address, options, 1)
        if not found:
            raise NotFound(f"there is no such {address.last.entities.singular}, or it may not be seen")
        return self._shown(address.last.entities, found, options)[0]

    def many(self, address: Address, options: Options) -> tuple[list[dict[str, Any]], int | None, str | None]:
        """Return a page of entities, how many there are where that is asked, and the options of the next page."""
        self._require_parent(address)
        top = DEFAULT_TOP if options.top is None else options.top
        found = self._rows(address, options, top + 1)
        shown = self._shown(address.last.entities, found[:top], options)
        count = self._number(address, options) if options.is_counted else None
        following = None
        if len(found) > top and top:
            keys = address.last.entities.keys
            last = key_text(tuple(found[top - 1][f"{KEY}{number}"] for number in range(len(keys))))
            skip = options.skip + top
            following = f"$skip={skip}" if options.orderby else f"$skiptoken={quote(last)}"
        return shown, count, following

    def _require_parent(self, address: Address) -> None:
        if len(address.steps) > 1:
            parent = Address(address.steps[:-1])
            if not self._rows(parent, Options(), 1):
                raise NotFound(f"there is no such {parent.last.entities.singular}, or it may not be seen")

    def _rows(self, address: Address, options: Options, limit: int) -> Sequence[Any]:
        entities = address.last.entities
        rows = entities.source().alias()
        chosen = _columns(entities, rows, options).where(*self._conditions(address.steps, rows, options))
        if options.after is not None:
            chosen = chosen.where(_after(entities, rows, options.after))
        chosen = chosen.order_by(*_order(entities, rows, options, self._caller)).limit(limit).offset(options.skip)
        found: Sequence[Any] = self._run(chosen).mappings().all()
        return found

    def _number(self, address: Address, options: Options) -> int:
        rows = address.last.entities.source().alias()
        chosen = select(func.count()).select_from(rows).where(*self._conditions(address.steps, rows, options))
        return int(self._run(chosen).scalar_one())

    def _conditions(self, steps: Sequence[Step], rows: Any, options: Options) -> list[Any]:
        step = steps[-1]
        found = [step.entities.seen(rows, self._caller)]
        if step.key is not None:
            found += _is_key(step.entities, rows, step.key)
        if step.link is not None:
            before = steps[-2].entities.source().alias()
            inner = self._conditions(steps[:-1], before, Options())
            join = steps[-2].entities.links[step.link].join(before, rows)
            found.append(exists(select(literal_column("1")).select_from(before).where(join, *inner)))
        if options.filter is not None:
            found.append(condition(step.entities, rows, options.filter, self._caller))
        return found

    def _shown(self, entities: EntitySet, rows: Sequence[Any], options: Options) -> list[dict[str, Any]]:
        check_names(entities, options)
        self._count += len(rows)
        if self._count > MOST_ENTITIES:
            raise InvalidInput(f"the answer would have more than {MOST_ENTITIES} entities; use $top, also in $expand")
        shown = [show(entities, row, options, self._root) for row in rows]
        keys = [tuple(row[f"{KEY}{number}"] for number in range(len(entities.keys))) for row in rows]
        for name, nested in options.expand.items():
            self._expand(entities, name, nested, dict(zip(keys, shown, strict=True)))
        return shown

    def _expand(self, entities: EntitySet, name: str, options: Options, parents: dict[Any, dict[str, Any]]) -> None:
        link = entities.links[name]
        target = SETS[link.target]
        top = (DEFAULT_TOP if options.top is None else options.top) if link.is_many else 1
        for parent in parents.values():
            if link.is_many:
                parent[name] = []
        if not parents:
            return
        found = self._run(self._linked(entities, name, options, list(parents), top + 1)).mappings().all()
        grouped: dict[Any, list[Any]] = {}
        for row in found:
            grouped.setdefault(tuple(row[f"parent{number}"] for number in range(len(entities.keys))), []).append(row)
        kept = [row for rows in grouped.values() for row in rows[:top]]
        shown = iter(self._shown(target, kept, options))
        counts = self._counts(entities, name, options, list(parents)) if options.is_counted and link.is_many else {}
        for key, rows in grouped.items():
            values = [next(shown) for _ in rows[:top]]
            parents[key][name] = values if link.is_many else values[0]
            if link.is_many and len(rows) > top and top:
                parents[key][f"{name}@iot.nextLink"] = _next_link(
                    parents[key], name, options, top, self._root, entities
                )
        for key, count in counts.items():
            parents[key][f"{name}@iot.count"] = count

    def _linked(self, entities: EntitySet, name: str, options: Options, keys: list[Any], limit: int) -> Select[Any]:
        """Return for each parent what it links to, as many as are asked of each."""
        link, before = entities.links[name], entities.source().alias()
        target = SETS[link.target]
        rows = target.source().alias()
        inner = (
            _columns(target, rows, options)
            .where(link.join(before, rows), target.seen(rows, self._caller))
            .order_by(*_order(target, rows, options, self._caller))
            .limit(limit)
            .offset(options.skip)
        )
        if options.filter is not None:
            inner = inner.where(condition(target, rows, options.filter, self._caller))
        lateral = inner.lateral()
        parents = [before.c[key].label(f"parent{number}") for number, key in enumerate(entities.keys)]
        return (
            select(*parents, lateral)
            .select_from(before.join(lateral, literal_column("true")))
            .where(_is_one_of(entities, before, keys))
        )

    def _counts(self, entities: EntitySet, name: str, options: Options, keys: list[Any]) -> dict[Any, int]:
        link, before = entities.links[name], entities.source().alias()
        target = SETS[link.target]
        rows = target.source().alias()
        conditions = [link.join(before, rows), target.seen(rows, self._caller)]
        if options.filter is not None:
            conditions.append(condition(target, rows, options.filter, self._caller))
        count = select(func.count()).select_from(rows).where(*conditions).correlate(before).scalar_subquery()
        chosen = select(*(before.c[key] for key in entities.keys), count).where(_is_one_of(entities, before, keys))
        return {tuple(row[:-1]): row[-1] for row in self._run(chosen)}

    def _run(self, chosen: Any) -> Any:
        try:
            return self._connection.execute(chosen)
        except DBAPIError as error:
            if isinstance(error.orig, psycopg.InternalError | psycopg.ProgrammingError):
                raise InvalidInput("the filter asks for what cannot be computed of these values") from None
            raise


def find_property(connection: Connection, caller: Caller, address: Address, root: str) -> Any:
    """Return the value of the property that an address names; raises NotFound."""
    name = str(address.named)
    found = Page(connection, caller, root).one(Address(address.steps), Options(select=(name,)))
    return property_value(found, name)


def _columns(entities: EntitySet, rows: Any, options: Options) -> Select[Any]:
    keys = [rows.c[key].label(f"{KEY}{number}") for number, key in enumerate(entities.keys)]
    chosen = options.select
    names = [name for name in entities.properties if name != "id" and (chosen is None or name in chosen)]
    return select(*keys, *(entities.properties[name].value(rows).label(name) for name in names)).select_from(rows)


def _order(entities: EntitySet, rows: Any, options: Options, caller: Caller) -> list[Any]:
    keys = [rows.c[key] for key in entities.keys]
    return [*order(entities, rows, options.orderby, caller), *keys] if options.orderby else keys


def _is_key(entities: EntitySet, rows: Any, key: Key) -> list[Any]:
    return [rows.c[name] == value for name, value in zip(entities.keys, key, strict=True)]


def _is_one_of(entities: EntitySet, rows: Any, keys: Sequence[Key]) -> Any:
    """Return the condition that a key is one of many: a parameter for each takes longer to write than to answer."""
    columns = [rows.c[name] for name in entities.keys]
    said = func.unnest(
        *(
            cast(list(values), ARRAY(column.type))
            for column, values in zip(columns, zip(*keys, strict=True), strict=True)
        )
    ).table_valued(*entities.keys)
    return tuple_(*columns).in_(select(*said.render_derived().c))


def _after(entities: EntitySet, rows: Any, said: str) -> Any:
    key = read_key(entities, said)
    if len(entities.keys) == 1:
        return rows.c[entities.keys[0]] > key[0]
    return and_(tuple_(*(rows.c[name] for name in entities.keys)) > tuple_(*key))


def _next_link(parent: dict[str, Any], name: str, options: Options, top: int, root: str, entities: EntitySet) -> str:
    said = parent["@iot.id"]
    shown = f"'{said}'" if isinstance(said, str) else said
    asked = [f"$top={top}", f"$skip={options.skip + top}"]
    for word, value in (("$filter", options.filter), ("$orderby", options.orderby)):
        if value is not None:
            asked.append(f"{word}={quote(value)}")
    if options.select is not None:
        asked.append(f"$select={','.join(options.select)}")
    return f"{root}/{entities.plural}({shown})/{name}?{'&'.join(asked)}"


__all__ = ["Page", "find_property", "is_empty"]
