"""What a commander says of an incident, checked and not yet looked up."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from cim.errors import InvalidInput
from layers.live.events.incoming import read_time_asked
from layers.live.nesting import text_of
from layers.queries.zone import is_position
from layers.said import fields_of, is_writable, shown, text_in

#: Kinds of entries that people add; 'state' is written where an incident is opened, changed or closed.
SAID_KINDS = ("event", "zone", "analysis", "note", "unit")
LENGTHS = {"name": 120, "by": 100, "kind": 60, "note": 2000, "text": 4000, "ref": 100}
INCIDENT_FIELDS = ("name", "by", "kind", "position", "note", "at")
CHANGE_FIELDS = ("name", "by", "kind", "position", "note", "version", "state")
ENTRY_FIELDS = ("uuid", "by", "kind", "ref", "text", "at", "corrects", "position", "summary")
MOST_SUMMARY_BYTES = 8_192
#: So far may a clock be ahead.
AHEAD = timedelta(minutes=5)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

Position = tuple[float, float]


class IncidentWish(NamedTuple):
    """An incident to be opened; ``position`` in degrees (EPSG:4490), longitude first."""

    name: str
    by: str
    kind: str | None = None
    position: Position | None = None
    note: str | None = None
    at: datetime | None = None


class Change(NamedTuple):
    """What is to be changed: only fields that were said; ``version`` is the one that was seen."""

    by: str
    version: int
    values: Mapping[str, Any]


class EntryWish(NamedTuple):
    """An entry to be added; ``corrects`` names an earlier one, ``summary`` is what an analysis answered in short."""

    by: str
    kind: str
    ref: str | None = None
    text: str | None = None
    at: datetime | None = None
    uuid: UUID | None = None
    corrects: UUID | None = None
    position: Position | None = None
    summary: Mapping[str, Any] | None = None


def parse_incident(body: Any) -> IncidentWish:
    """Read a request to open an incident; raises InvalidInput."""
    said = fields_of(body, INCIDENT_FIELDS, 'an incident: {"name": ..., "by": ...}')
    return IncidentWish(
        _needed(said, "name"), _needed(said, "by"), _text(said, "kind"), position_in(said), _text(said, "note"),
        time_in(said, "at"),
    )  # fmt: skip


def parse_change(body: Any) -> Change:
    """Read a request to change an incident; raises InvalidInput."""
    said = fields_of(body, CHANGE_FIELDS, 'a change: {"by": ..., "version": ..., "name": ...}')
    by, version = _needed(said, "by"), said.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or not 0 < version < 2**31:
        raise InvalidInput(
            f"version is {str(version)[:40]!r}; the version that you have seen is needed",
            "version_needed", given=str(version)[:40],
        )  # fmt: skip
    return Change(by, version, values_in(said))


def values_in(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an incident that are to have another value; raises InvalidInput."""
    values: dict[str, Any] = {name: _text(said, name) for name in ("kind", "note") if name in said}
    if "name" in said:
        values["name"] = _needed(said, "name")
    if "position" in said:
        values["position"] = position_in(said)
    if "state" in said:
        if said["state"] != "open":
            raise InvalidInput(
                "state may be 'open' here, to open it again; POST /incidents/{id}/close closes it", "state_only_open"
            )
        values["state"] = "open"
    if not values:
        raise InvalidInput(
            "nothing is to be changed; give some of name, kind, note, position, state", "nothing_to_change"
        )
    return values


def parse_entry(body: Any) -> EntryWish:
    """Read a request to add an entry; raises InvalidInput."""
    said = fields_of(body, ENTRY_FIELDS, 'an entry: {"by": ..., "kind": "note", "text": ...}')
    kind = said.get("kind")
    if kind not in SAID_KINDS:
        raise InvalidInput(
            f"kind is {str(kind)[:40]!r}; use one of {', '.join(SAID_KINDS)}",
            "not_one_of", field="kind", given=str(kind)[:40], choices=SAID_KINDS,
        )  # fmt: skip
    wish = EntryWish(
        _needed(said, "by"), kind, ref_in(said, kind), _text(said, "text"), time_in(said, "at"),
        uuid_in(said, "uuid"), uuid_in(said, "corrects"), position_in(said), summary_in(said, kind),
    )  # fmt: skip
    if kind == "note" and not wish.text and wish.position is None:
        raise InvalidInput("a note needs a text or a position", "note_needs_text_or_place")
    return wish


def position_in(said: Mapping[str, Any]) -> Position | None:
    """Return longitude and latitude; raises InvalidInput."""
    value = said.get("position")
    if value is None:
        return None
    if not is_position(value) or abs(value[0]) > 180 or abs(value[1]) > 90:
        raise InvalidInput(
            f"position is {shown(value)}; [longitude, latitude] in degrees is right",
            "not_a_position", field="position", given=str(value)[:40],
        )  # fmt: skip
    return round(float(value[0]), 9), round(float(value[1]), 9)


def time_in(said: Mapping[str, Any], name: str) -> datetime | None:
    """Return a moment of now or before; raises InvalidInput."""
    value = said.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidInput(
            f"{name} is {shown(value)}; write it like 2026-03-01T08:00:00+08:00",
            "not_a_time", field=name, given=str(value)[:40],
        )  # fmt: skip
    found = read_time_asked(name, value)
    if found is not None and not EARLIEST <= found <= datetime.now(UTC) + AHEAD:
        raise InvalidInput(
            f"{name} is '{found.isoformat()}'; a time of now or before, since 2000, is right",
            "time_out_of_range", field=name, given=found.isoformat(),
        )  # fmt: skip
    return found


def uuid_in(said: Mapping[str, Any], name: str) -> UUID | None:
    """Return a UUID; raises InvalidInput."""
    value = said.get(name)
    if value is None:
        return None
    try:
        return UUID(value) if isinstance(value, str) and len(value) == 36 else _no_uuid(name, value)
    except ValueError:
        return _no_uuid(name, value)


def summary_in(said: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """Return what an analysis answered in short; raises InvalidInput."""
    value = said.get("summary")
    if value is None:
        return None
    if kind != "analysis" or not isinstance(value, Mapping):
        raise InvalidInput("summary is an object, and goes with the kind 'analysis'", "summary_wrong")
    text = text_of(dict(value), "summary")
    if len(text) > MOST_SUMMARY_BYTES or b"\\u0000" in text:
        raise InvalidInput(
            f"summary has {len(text)} bytes; at most {MOST_SUMMARY_BYTES}, without NUL, are right",
            "summary_too_long", count=len(text), most=MOST_SUMMARY_BYTES,
        )  # fmt: skip
    return value


def ref_in(said: Mapping[str, Any], kind: str) -> str | None:
    """Return what an entry refers to, in the form that its kind needs; raises InvalidInput."""
    value = said.get("ref")
    if kind == "note" and value is None:
        return None
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    is_right, form = REF_FORMS[kind]
    if not isinstance(text, str) or not is_right(text):
        raise InvalidInput(
            f"ref is {shown(value)}; of the kind '{kind}' {form}", "ref_wrong", given=str(value)[:40], kind=kind
        )
    return text


def is_id(text: str) -> bool:
    """Tell whether a text is the id of an object."""
    return bool(re.fullmatch(r"[1-9][0-9]{0,18}", text)) and int(text) < 2**63


def _is_word(text: str) -> bool:
    return 0 < len(text) <= LENGTHS["ref"] and is_writable(text)


REF_FORMS: dict[str, tuple[Callable[[str], bool], str]] = {
    "event": (is_id, "it is the id of an event"),
    "zone": (is_id, "it is the id of a zone"),
    "unit": (_is_word, "it is the code of a unit"),
    "analysis": (lambda text: bool(re.fullmatch(r"sha256:[0-9a-f]{64}", text)), "it is the hash of a receipt, sha256:"),
    "note": (_is_word, f"it is a text of at most {LENGTHS['ref']} characters"),
}


def _text(said: Mapping[str, Any], name: str) -> str | None:
    return text_in(said, name, LENGTHS[name])


def _needed(said: Mapping[str, Any], name: str) -> str:
    found = _text(said, name)
    if not found:
        raise InvalidInput(
            f"{name} is missing; text of at most {LENGTHS[name]} characters is right", "missing", fields=[name]
        )
    return found


def _no_uuid(name: str, value: Any) -> UUID:
    raise InvalidInput(
        f"{name} is {shown(value)}; a UUID of 36 characters is right", "not_a_uuid", field=name, given=str(value)[:40]
    )
