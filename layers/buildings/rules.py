"""The table that says which source wins each field and which differences are conflicts (``rules.toml``)."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

KINDS = ("footprint", "ifc", "register")


class Rule(NamedTuple):
    """One field and one kind of source; the smaller ``rank`` wins."""

    field: str
    kind: str
    rank: int
    compare: str
    absolute: float
    relative: float
    weight: float


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """Return the shipped rules, one for each field and kind that is believed in it."""
    table = tomllib.loads(files(__package__).joinpath("rules.toml").read_text(encoding="utf-8"))
    return tuple(
        Rule(
            field,
            kind,
            rank,
            str(entry["compare"]),
            float(entry.get("absolute", 0)),
            float(entry.get("relative", 0)),
            float(entry.get("weight", 0)),
        )
        for field, entry in table.items()
        for rank, kind in enumerate(entry["order"])
    )
