"""Where sources disagree: the list, the worst first, and what a person decides about one of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Select, String, cast, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.provenance import touch_layers
from cim.tables import building, building_source, conflict, dataset
from layers.buildings.merge import remake_building
from layers.buildings.rules import rules
from layers.queries.small_counts import is_personal, sees_all, shown
from layers.queries.visible import in_area, visible_layers
from layers.said import require_limit

MAX_LIMIT = 1000
#: 'open' asks for a decision, 'settled' has one
STATUSES = ("open", "settled")
_LONGEST = 400


@dataclass(frozen=True)
class ConflictsQuery:
    """Which conflicts are asked for.

    Attributes
    ----------
    cursor
        The ``next`` of the page before.
    """

    field: str | None = None
    status: str | None = "open"
    min_severity: float = 0.0
    building_id: int | None = None
    limit: int = 100
    cursor: str | None = None


def list_conflicts(connection: Connection, query: ConflictsQuery, caller: Caller) -> dict[str, Any]:
    """Return conflicts by falling severity, with what each source says, and the cursor of the next page.

    Raises
    ------
    InvalidInput, NotFound
    """
    _require_buildings(connection, caller)
    rows = connection.execute(_ranked(query, caller).limit(query.limit + 1)).all()
    page = rows[: query.limit]
    spoken = _spoken(connection, page)
    last = page[-1] if len(rows) > query.limit else None
    return {
        "conflicts": [conflict_as_json(row, spoken, caller) for row in page],
        "next": None if last is None else f"{last.severity!r},{last.id}",
    }


def conflict_as_json(row: Row[Any], spoken: dict[int, dict[str, Any]], caller: Caller) -> dict[str, Any]:
    """Return one conflict; ``spoken`` gives kind and dataset of each source."""
    hides = is_personal("building", row.field) and not sees_all(caller)
    values = [spoken.get(claim["source_id"], {}) | {"value": claim["value"]} for claim in row.claims]
    if hides:
        values = [value | {"value": shown(value["value"])} for value in values]
    return {
        "id": row.id,
        "building_id": row.building_id,
        "building": {"code": row.code, "name": row.name},
        "field": row.field,
        "severity": row.severity,
        "values": values,
        "chosen": shown(row.chosen) if hides else row.chosen,
        "status": row.status,
        "settled": None
        if row.settled_at is None
        else {
            "value": shown(row.settled_value) if hides else row.settled_value,
            "by": row.settled_by,
            "at": row.settled_at.isoformat(),
        },
    }


def settle_conflict(
    connection: Connection,
    conflict_id: int,
    caller: Caller,
    *,
    by: str,
    files: Path,
    value: Any = None,
    source_id: int | None = None,
) -> dict[str, Any]:
    """Decide a conflict: the value of one of its sources, or one that a person knows better; the record follows.

    The decision holds on every later import, as long as the sources claim what they claim now.

    Parameters
    ----------
    by
        Who decides, in the person's own words.
    files
        The folder of the deployment's rasters.

    Raises
    ------
    Forbidden, NotFound, InvalidInput
    """
    caller.require("settle_conflicts")
    _require_buildings(connection, caller)
    found = connection.execute(
        select(conflict.c.building_id, conflict.c.field, conflict.c.claims)
        .join(building, building.c.id == conflict.c.building_id)
        .where(conflict.c.id == conflict_id, in_area(building, caller))
        .with_for_update(of=conflict)
    ).one_or_none()
    if found is None:
        raise NotFound(f"there is no conflict {conflict_id}")
    chosen = _checked(found.field, _said_by(found, source_id) if source_id is not None else value)
    connection.execute(
        update(conflict)
        .where(conflict.c.id == conflict_id)
        .values(status="settled", settled_value=chosen, settled_by=by.strip()[:100], settled_at=func.now())
    )
    remake_building(connection, found.building_id, files)
    touch_layers(connection, ["buildings"], None, None)
    query = ConflictsQuery(field=found.field, status=None, building_id=found.building_id)
    (answer,) = list_conflicts(connection, query, caller)["conflicts"]
    return dict(answer)


def reopen_conflict(connection: Connection, conflict_id: int, caller: Caller, files: Path) -> dict[str, Any]:
    """Take a decision back; the rules choose again (raises Forbidden, NotFound)."""
    caller.require("settle_conflicts")
    _require_buildings(connection, caller)
    mine = select(building.c.id).where(in_area(building, caller))
    found = connection.execute(
        update(conflict)
        .where(conflict.c.id == conflict_id, conflict.c.building_id.in_(mine))
        .values(status="open", settled_value=None, settled_by=None, settled_at=None)
        .returning(conflict.c.building_id, conflict.c.field)
    ).one_or_none()
    if found is None:
        raise NotFound(f"there is no conflict {conflict_id}")
    remake_building(connection, found.building_id, files)
    touch_layers(connection, ["buildings"], None, None)
    query = ConflictsQuery(field=found.field, status=None, building_id=found.building_id)
    (answer,) = list_conflicts(connection, query, caller)["conflicts"]
    return dict(answer)


def sources_of(connection: Connection, ids: set[int]) -> dict[int, dict[str, Any]]:
    """Return of each source its id, kind and dataset."""
    rows = connection.execute(
        select(building_source.c.id, building_source.c.kind, dataset.c.name)
        .join(dataset, dataset.c.id == building_source.c.dataset_id)
        .where(building_source.c.id.in_(ids))
    )
    return {row.id: {"source_id": row.id, "kind": row.kind, "dataset": row.name} for row in rows}


def conflicts_statement() -> Select[Any]:
    """Return all columns of a conflict with its building's code, name, and what the record says now."""
    record = func.to_jsonb(building.table_valued())
    chosen = record.op("->", return_type=JSONB)(cast(conflict.c.field, String))
    return select(conflict, building.c.code, building.c.name, chosen.label("chosen")).join(
        building, building.c.id == conflict.c.building_id
    )


def _ranked(query: ConflictsQuery, caller: Caller) -> Select[Any]:
    _check(query)
    statement = conflicts_statement().where(in_area(building, caller), conflict.c.severity >= query.min_severity)
    if query.field is not None:
        statement = statement.where(conflict.c.field == query.field)
    if query.status is not None:
        statement = statement.where(conflict.c.status == query.status)
    if query.building_id is not None:
        statement = statement.where(conflict.c.building_id == query.building_id)
    if query.cursor is not None:
        statement = statement.where(tuple_(-conflict.c.severity, conflict.c.id) > tuple_(*_after(query.cursor)))
    return statement.order_by(-conflict.c.severity, conflict.c.id)


def _check(query: ConflictsQuery) -> None:
    fields = sorted({rule.field for rule in rules() if rule.compare != "none"})
    if query.field is not None and query.field not in fields:
        raise InvalidInput(f"no conflicts are kept of '{query.field[:80]}'; there are: {', '.join(fields)}")
    if query.status is not None and query.status not in STATUSES:
        raise InvalidInput(f"status is '{query.status[:40]}'; {' or '.join(STATUSES)} is right, or all")
    require_limit(query.limit, MAX_LIMIT)


def _after(cursor: str) -> tuple[float, int]:
    severity, _, number = cursor.partition(",")
    try:
        return -float(severity), int(number)
    except ValueError:
        raise InvalidInput(f"cursor is '{cursor[:40]}'; take 'next' of the page before") from None


def _spoken(connection: Connection, rows: list[Row[Any]] | Any) -> dict[int, dict[str, Any]]:
    return sources_of(connection, {claim["source_id"] for row in rows for claim in row.claims})


def _require_buildings(connection: Connection, caller: Caller) -> None:
    if not visible_layers(connection, caller, ["buildings"]):
        raise NotFound("there is no layer 'buildings'; /api/layers lists those that you may see")


def _said_by(found: Any, source_id: int) -> Any:
    said = {claim["source_id"]: claim["value"] for claim in found.claims}
    if source_id not in said:
        raise InvalidInput(
            f"the source {source_id} says nothing of '{found.field}' here; those that do: {', '.join(map(str, said))}"
        )
    return said[source_id]


def _checked(field: str, value: Any) -> Any:
    """Return a value that the field can hold, or raise InvalidInput."""
    kind = next(rule.compare for rule in rules() if rule.field == field)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind == "integer":
        if not (is_number and float(value).is_integer() and abs(value) < 32_000):
            raise InvalidInput(f"'{field}' is {str(value)[:40]!r}; a whole number is right")
        return int(value)
    if kind == "number":
        if not is_number:
            raise InvalidInput(f"'{field}' is {str(value)[:40]!r}; a number is right")
        return float(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not (isinstance(value, str) and 0 < len(value.strip()) <= _LONGEST and "\0" not in value):
        raise InvalidInput(f"'{field}' is {str(value)[:40]!r}; a text of 1 to {_LONGEST} characters is right")
    return value.strip()
