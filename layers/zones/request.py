"""A request to demarcate, checked and not yet looked up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from cim.errors import InvalidInput
from layers.said import fields_of, text_in
from layers.zones.case import parse_at
from layers.zones.rules import Rules, rules_for

FIELDS = ("by", "at", "rule", "sealed_m", "controlled_m", "name", "note", "dry_run", "apart")
_LENGTHS = {"by": 100, "name": 100, "note": 2000}
STANDARD = "standard"


class Request(NamedTuple):
    """Who asks for what.

    Attributes
    ----------
    rules
        None where none is named: those of the group that the case belongs to, else the standard.
    is_dry
        Whether nothing is to be written.
    is_apart
        Whether a case inside a controlled zone gets zones of its own.
    """

    by: str
    way: str
    at: Any
    rules: Rules | None
    name: str | None
    note: str | None
    is_dry: bool
    is_apart: bool


def parse_request(body: Any) -> Request:
    """Read a request.

    Raises
    ------
    InvalidInput
        Naming the field, its value and what would be right.
    """
    body = fields_of(body, FIELDS, '{"by": ..., "at": {"building": ...}, "rule": "standard"}')
    words = {name: text_in(body, name, longest) for name, longest in _LENGTHS.items()}
    if not words["by"]:
        raise InvalidInput("by is missing: who decides", "missing", fields=["by"])
    way, value = parse_at(body.get("at"))
    distances = {name: body.get(name) for name in ("sealed_m", "controlled_m") if body.get(name) is not None}
    rules = None
    if body.get("rule") is not None or distances:
        rules = rules_for(body.get("rule") or STANDARD, distances)
    return Request(words["by"], way, value, rules, words["name"], words["note"], _flag(body, "dry_run"),
                   _flag(body, "apart"))  # fmt: skip


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise InvalidInput(
            f"{name} is {str(value)[:40]!r}; true or false is right", "not_a_flag", field=name, given=str(value)[:40]
        )
    return value
