"""Readings that cross a threshold: one event for each crossing, and a step in its log when it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from cim.tables import crossing, event
from layers.live.events.incoming import Incoming
from layers.live.events.intake import take_in
from layers.live.events.log import write_log
from layers.live.events.tell import tell

SOURCE = "sensor"
Row = Mapping[Any, Any]


@dataclass
class Crossing:
    """One sensor beyond one threshold, from when it began; ``key`` is the event's name once it has lasted."""

    row: Row
    since: datetime
    key: str | None = None
    event_id: int | None = None
    over: Row | None = None


def settle_crossings(connection: Connection, rows: Sequence[Row]) -> int:
    """Raise and end events for readings, sorted by threshold, sensor and time; returns how many.

    Each row is a reading newer than all before it, with its threshold and the crossing that is open there, if any.
    """
    if not rows:
        return 0
    found = [one for _, series in groupby(rows, _whose) for one in follow(list(series))]
    raised = [one for one in found if one.key is not None and one.event_id is None]
    names = [(SOURCE, str(one.key)) for one in raised]
    take_in(connection, [_incoming(one) for one in raised], actor=SOURCE)
    ids = _event_ids(connection, names)
    for one in raised:
        one.event_id = ids[str(one.key)]
    ended = [one for one in found if one.over is not None and one.event_id is not None]
    _end(connection, ended)
    _remember(connection, found)
    return len(raised) + len(ended)


def follow(series: Sequence[Row]) -> list[Crossing]:
    """Return the crossings of one sensor and threshold: the open one, those that begin, those that end."""
    first = series[0]
    current = None if first["since"] is None else Crossing(first, first["since"], event_id=first["event_id"])
    found = [current] if current else []
    for row in series:
        sign = 1 if row["direction"] == "above" else -1
        beyond = sign * (row["value"] - row["limit_value"])
        if beyond > 0:
            if current is None:
                current = Crossing(row, row["phenomenon_time"])
                found.append(current)
            lasted = row["phenomenon_time"] - current.since
            if current.event_id is None and current.key is None and lasted >= timedelta(seconds=row["duration_s"]):
                current.row = row
                current.key = f"{row['sensor_id']}/{row['threshold_id']}/{current.since.astimezone(UTC).isoformat()}"
        elif current is not None and beyond <= -row["hysteresis"]:
            current.over = row
            current = None
    return found


def _whose(row: Row) -> tuple[int, int]:
    return row["threshold_id"], row["sensor_id"]


def _incoming(one: Crossing) -> Incoming:
    row = one.row
    sign, unit = (">" if row["direction"] == "above" else "<"), f" {row['unit']}" if row["unit"] else ""
    name = row["name"] or row["code"] or str(row["sensor_id"])
    return Incoming(
        source=SOURCE,
        source_key=str(one.key),
        type=row["type_code"],
        title=f"{name[:200]} {row['value']:g}{unit} {sign} {row['limit_value']:g}{unit}"[:300],
        severity=row["severity"],
        occurred_at=one.since,
        longitude=row["longitude"],
        latitude=row["latitude"],
        device=row["code"],
        attributes={
            "value": row["value"],
            "limit": row["limit_value"],
            "unit": row["unit"],
            "direction": row["direction"],
            "threshold_id": row["threshold_id"],
        },
    )


def _event_ids(connection: Connection, names: Sequence[tuple[str, str]]) -> dict[str, int]:
    if not names:
        return {}
    columns = (event.c.source_key, event.c.id)
    rows = connection.execute(select(*columns).where(tuple_(event.c.source, event.c.source_key).in_(names)))
    return {row.source_key: row.id for row in rows}


def _end(connection: Connection, ended: Sequence[Crossing]) -> None:
    steps = []
    for one in ended:
        if one.over is not None and one.event_id is not None:
            detail = {"at": one.over["phenomenon_time"].isoformat(), "value": one.over["value"]}
            steps.append((one.event_id, "over", SOURCE, detail))
    write_log(connection, steps)
    tell(connection, [step[0] for step in steps])


def _remember(connection: Connection, found: Sequence[Crossing]) -> None:
    """Write what is open now and forget what is over."""
    last = {_whose(one.row): one for one in found}
    over = [whose for whose, one in last.items() if one.over is not None]
    if over:
        connection.execute(delete(crossing).where(tuple_(crossing.c.threshold_id, crossing.c.sensor_id).in_(over)))
    open_now = [
        {"threshold_id": threshold, "sensor_id": sensor, "since": one.since, "event_id": one.event_id}
        for (threshold, sensor), one in last.items()
        if one.over is None
    ]
    if open_now:
        new = insert(crossing).values(open_now)
        changed = {"since": new.excluded.since, "event_id": new.excluded.event_id}
        connection.execute(new.on_conflict_do_update(index_elements=["threshold_id", "sensor_id"], set_=changed))
