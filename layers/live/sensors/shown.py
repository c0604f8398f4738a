"""Entities as SensorThings shows them: ids, links, times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cim.errors import NotFound
from layers.live.sensors.entities import EntitySet
from layers.live.sensors.options import Options
from layers.live.sensors.reading import join_result

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Left out where there is nothing; other properties are null then.
_OPTIONAL = frozenset({"properties", "validTime", "resultQuality", "parameters"})


def show(entities: EntitySet, row: Mapping[Any, Any], options: Options, root: str) -> dict[str, Any]:
    """Return one entity as JSON values."""
    key = tuple(row[f"__key{number}"] for number in range(len(entities.keys)))
    text = key_text(key)
    number: int | str = int(key[0]) if len(key) == 1 else text
    link = f"{root}/{entities.plural}({number})" if len(key) == 1 else f"{root}/{entities.plural}('{text}')"
    chosen = options.select
    shown: dict[str, Any] = {}
    if chosen is None or {"id", "@iot.id"} & set(chosen):
        shown = {"@iot.id": number, "@iot.selfLink": link}
    elif options.expand:
        shown = {"@iot.id": number}
    for name, each in entities.properties.items():
        if name in row:
            value = _read(each.kind, row[name])
            if name not in _OPTIONAL or not is_empty(value):
                shown[name] = value
    for name in entities.links:
        if (chosen is None or name in chosen) and name not in options.expand:
            shown[f"{name}@iot.navigationLink"] = f"{link}/{name}"
    return shown


def is_empty(value: Any) -> bool:
    """Tell whether a property has nothing in it."""
    return value is None or value == {}


def key_text(key: tuple[Any, ...]) -> str:
    """Return a key as it stands in an id."""
    if len(key) == 1:
        return str(key[0])
    return f"{key[0]}-{us_of(key[1])}"


def us_of(time: datetime) -> int:
    """Return a time as microseconds since 1970."""
    past = time - _EPOCH
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds


def property_value(shown: Mapping[str, Any], name: str) -> Any:
    """Return a property of what is shown; raises NotFound where it has no value."""
    found = shown.get("@iot.id" if name == "id" else name)
    if found is None:
        raise NotFound(f"'{name}' has no value here")
    return found


def _read(kind: str, value: Any) -> Any:
    if kind == "result":
        return join_result(*value)
    if kind == "interval":
        return _interval(value)
    if isinstance(value, datetime):
        return time_text(value)
    return value


def _interval(value: Any) -> str | None:
    if value is None or value[0] is None:
        return None
    begins, ends = (None if each is None else time_text(datetime.fromisoformat(each)) for each in value)
    return begins if ends is None else f"{begins}/{ends}"


def time_text(time: datetime) -> str:
    """Return a time in UTC, as RFC 3339 says."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
