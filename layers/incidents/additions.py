"""What comes back from the field: entries and changes that were written down without the service, as one JSON file."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from cim.errors import InvalidInput
from layers.incidents.wish import (
    EARLIEST,
    LENGTHS,
    EntryWish,
    parse_entry,
    position_in,
    time_in,
    uuid_in,
    values_in,
)
from layers.live.nesting import text_of
from layers.said import fields_of, text_in
from layers.zones.wish import LENGTHS as ZONE_LENGTHS
from layers.zones.wish import parse_wish

FORMAT = "cim-incident-additions"
FIELDS = ("format", "incident", "pack", "by", "made_at", "entries", "changes")
CHANGE_FIELDS = ("uuid", "of", "ref", "by", "at", "base", "values")
MOST_ENTRIES, MOST_CHANGES = 5_000, 200
OF_INCIDENT = ("name", "kind", "note", "position")
OF_ZONE = ("name", "kind", "note", "geometry")


class FieldChange(NamedTuple):
    """Fields that were changed in the field; ``base`` holds what they were before, as the pack said.

    ``of`` is 'incident' or 'zone', ``ref`` the zone's id.
    """

    uuid: UUID
    of: str
    ref: str | None
    by: str
    at: datetime | None
    base: Mapping[str, Any]
    values: Mapping[str, Any]


class Additions(NamedTuple):
    """A file: for which incident (its UUID), who wrote it down, and what; ``hash`` is SHA-256 of its content."""

    incident: UUID
    by: str
    entries: tuple[EntryWish, ...]
    changes: tuple[FieldChange, ...]
    hash: bytes


def parse_additions(body: Any, *, rows: Sequence[str] = ()) -> Additions:
    """Read a file of additions; it is taken whole or refused whole.

    Parameters
    ----------
    rows
        What errors call the entries: ``entries[0]`` and so on otherwise.

    Raises
    ------
    InvalidInput
        Naming the entry or the change that is wrong.
    """
    said = fields_of(body, FIELDS, f'a file of additions: {{"format": "{FORMAT}", "incident": ..., "entries": [...]}}')
    if said.get("format") != FORMAT:
        raise InvalidInput(
            f"format is {str(said.get('format'))[:40]!r}; '{FORMAT}' is right",
            "additions_wrong_format", given=str(said.get("format"))[:40], right=FORMAT,
        )  # fmt: skip
    incident, by = uuid_in(said, "incident"), text_in(said, "by", LENGTHS["by"])
    if incident is None or not by:
        raise InvalidInput(
            "incident and by are missing: the incident's UUID, and who wrote this down",
            "missing", fields=["incident", "by"],
        )  # fmt: skip
    content = {"incident": str(incident), "by": by, "entries": said.get("entries"), "changes": said.get("changes")}
    digest = hashlib.sha256(orjson.dumps(orjson.loads(text_of(content, "the file")), option=orjson.OPT_SORT_KEYS))
    entries = tuple(_each(said, "entries", MOST_ENTRIES, lambda one: _entry(one, by), rows))
    changes = tuple(_each(said, "changes", MOST_CHANGES, lambda one: _change(one, by)))
    uuids = Counter(one.uuid for one in (*entries, *changes))
    twice = [str(uuid) for uuid, count in uuids.items() if count > 1]
    if twice:
        raise InvalidInput(
            f"two entries or changes have the same uuid {twice[0]}; each needs its own", "uuid_twice", given=twice[0]
        )
    return Additions(incident, by, entries, changes, digest.digest())


def _each(said: Mapping[str, Any], name: str, most: int, read: Any, rows: Sequence[str] = ()) -> list[Any]:
    listed = said.get(name) or []
    if not isinstance(listed, list) or len(listed) > most:
        raise InvalidInput(f"{name} is no list of at most {most}", "not_a_list_of", field=name, most=most)
    found = []
    for number, one in enumerate(listed):
        try:
            found.append(read(one))
        except InvalidInput as error:
            place = rows[number] if rows else f"{name}[{number}]"
            raise InvalidInput(f"{place}: {error.detail}", "in_part", part=place, reason=error.told()) from None
    return found


def _entry(said: Any, by: str) -> EntryWish:
    """Read an entry; a device whose clock is wrong is no reason to lose it."""
    if not isinstance(said, Mapping):
        raise InvalidInput("an entry is an object", "not_an_object", wanted='{"kind": ...}')
    told, moment = dict(said), said.get("at")
    told.setdefault("by", by)
    if isinstance(moment, str) and _is_beyond(moment):
        told["at"] = None
        told["text"] = f"{told.get('text') or ''} [{moment[:40]}]".strip()[: LENGTHS["text"]]
    wish = parse_entry(told)
    if wish.uuid is None:
        raise InvalidInput(
            "uuid is missing; without it nobody can tell whether it was taken over before", "missing", fields=["uuid"]
        )
    return wish


def _is_beyond(moment: str) -> bool:
    """Tell whether a moment is one, and cannot be right."""
    try:
        found = datetime.fromisoformat(moment[:64])
    except ValueError:
        return False
    return found.tzinfo is not None and not EARLIEST <= found <= datetime.now(UTC) + timedelta(minutes=5)


def _change(said: Any, by: str) -> FieldChange:
    told = fields_of(said, CHANGE_FIELDS, "a change with uuid, of, base and values")
    uuid, of, ref = uuid_in(told, "uuid"), told.get("of"), told.get("ref")
    if uuid is None or of not in ("incident", "zone"):
        raise InvalidInput("a change needs its uuid, and of: 'incident' or 'zone'", "missing", fields=["uuid", "of"])
    known = OF_INCIDENT if of == "incident" else OF_ZONE
    values = _values(told.get("values"), "values", known)
    base = _values(told.get("base"), "base", known)
    missing = set(values) - set(base)
    if missing or not values:
        raise InvalidInput(
            f"values and base have the same fields, at least one; base lacks {', '.join(missing) or '-'}",
            "change_without_base", fields=sorted(missing),
        )  # fmt: skip
    checked = _incident_values(values) if of == "incident" else _zone_values(values)
    if of == "zone" and not (isinstance(ref, int | str) and str(ref).isascii() and str(ref).isdigit()):
        raise InvalidInput(
            f"ref is {str(ref)[:40]!r}; the id of the zone is right", "not_an_id", field="ref", given=str(ref)[:40]
        )
    author = text_in(told, "by", LENGTHS["by"]) or by
    moment = None if isinstance(told.get("at"), str) and _is_beyond(told["at"]) else time_in(told, "at")
    return FieldChange(
        uuid, of, None if of == "incident" else str(ref), author, moment, base, checked
    )  # fmt: skip


def _values(value: Any, name: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    found = fields_of(value, known, f"{name} of a change")
    if b"\\u0000" in text_of(dict(found), name):
        raise InvalidInput(f"{name} has a NUL character; leave it out", "nul_character", field=name)
    return found


def _incident_values(values: Mapping[str, Any]) -> Mapping[str, Any]:
    found = values_in(values)
    return found | ({"position": position_in(values)} if "position" in values else {})


def _zone_values(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check them as those of a zone that is drawn, which is what they are to become."""
    square = {"type": "Polygon", "coordinates": [[[0, 0], [0.001, 0], [0.001, 0.001], [0, 0]]]}
    whole = {"name": "-", "by": "-", "geometry": square} | {k: v for k, v in values.items() if v is not None}
    parse_wish(whole)
    assert set(ZONE_LENGTHS) >= set(OF_ZONE) - {"geometry"}
    return dict(values)
