"""Rule sets: what is sealed around a case, and what is controlled around that."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from cim.errors import InvalidInput

SEALED = ("building", "block", "distance")
CONTROLLED = ("distance", "estate", "cells", "community", "street")
MOST_M = 5_000.0


@dataclass(frozen=True)
class Rules:
    """A rule set; distances in metres."""

    name: str
    title: tuple[str, str]
    sealed: str
    controlled: str
    sealed_m: float = 0.0
    controlled_m: float = 0.0

    def told(self) -> dict[str, Any]:
        """Return it as answers and the log have it."""
        return asdict(self) | {"title": dict(zip(("zh", "en"), self.title, strict=True))}


@cache
def rule_sets() -> dict[str, Rules]:
    """Return the rule sets by name."""
    found = tomllib.loads((files("layers.zones") / "rules.toml").read_text(encoding="utf-8"))
    return {name: Rules(name, **values | {"title": tuple(values["title"])}) for name, values in found.items()}


def rules_for(name: Any, changed: Mapping[str, Any]) -> Rules:
    """Return a rule set, with distances of one's own.

    Raises
    ------
    InvalidInput
    """
    if name not in rule_sets():
        raise InvalidInput(
            f"rule is '{str(name)[:40]}'; known are: {', '.join(rule_sets())}",
            "not_one_of", field="rule", given=str(name)[:40], choices=[*rule_sets()],
        )  # fmt: skip
    rules = rule_sets()[name]
    values = {}
    for field in ("sealed_m", "controlled_m"):
        value = changed.get(field)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST_M:
            raise InvalidInput(
                f"{field} is {str(value)[:40]!r}; metres up to {MOST_M:g} are right",
                "metres_wrong", field=field, given=str(value)[:40], least=0, most=MOST_M,
            )  # fmt: skip
        if getattr(rules, field.removesuffix("_m")) != "distance":
            raise InvalidInput(
                f"{field} does not go with rule '{name}', which does not go by distance there",
                "distance_not_of_rule", field=field, rule=name,
            )  # fmt: skip
        values[field] = float(value)
    return Rules(**asdict(rules) | values)
