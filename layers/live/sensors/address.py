"""Addresses of entities: ``Things(1)/Datastreams(2)/Observations`` (18-088, 9.2.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cim.errors import InvalidInput, NotFound
from layers.live.sensors.entities import SETS, EntitySet
from layers.live.sensors.reading import LARGEST_ID, time_of

MAX_SEGMENTS = 8
_SEGMENT = re.compile(r"([A-Za-z]{1,30})(?:\(([^()]{1,60})\))?")
_OBSERVATION = re.compile(r"'?([0-9]{1,19})-([0-9]{1,17})'?")

Key = tuple[int] | tuple[int, datetime]


@dataclass(frozen=True)
class Step:
    """A set, by which link it is reached from the step before, and which of its entities is meant (None: all)."""

    entities: EntitySet
    link: str | None
    key: Key | None


@dataclass(frozen=True)
class Address:
    """Steps to a set or an entity; then the property ``named``, ``$value`` or ``$ref``."""

    steps: tuple[Step, ...]
    named: str | None = None
    is_value: bool = False
    is_ref: bool = False

    @property
    def last(self) -> Step:
        """The step that is asked for."""
        return self.steps[-1]

    @property
    def is_one(self) -> bool:
        """Whether it names a single entity."""
        step = self.last
        return step.key is not None or (step.link is not None and not self.steps[-2].entities.links[step.link].is_many)


def read_address(path: str) -> Address:
    """Return what a path below the service's root names.

    Raises
    ------
    NotFound
        Where no entity set, link or property is called so.
    InvalidInput
        For an id that is none.
    """
    segments = [segment for segment in path.split("/") if segment]
    if not segments or len(segments) > MAX_SEGMENTS:
        raise NotFound(f"an address has 1 to {MAX_SEGMENTS} parts, like Things(1)/Datastreams")
    is_ref = segments[-1] == "$ref"
    is_value = segments[-1] == "$value"
    if is_ref or is_value:
        segments.pop()
    steps: list[Step] = []
    named: str | None = None
    for segment in segments:
        if named is not None:
            raise NotFound(f"'{named}' has nothing below it")
        if steps and steps[-1].key is not None and segment in steps[-1].entities.properties:
            named = segment
        else:
            steps.append(_step(segment, steps))
    address = Address(tuple(steps), named, is_value, is_ref)
    if not steps or (is_value and named is None) or (is_ref and named is not None):
        raise NotFound("$value follows a property, $ref a set or an entity")
    return address


def _step(segment: str, steps: list[Step]) -> Step:
    found = _SEGMENT.fullmatch(segment)
    name, said = (found[1], found[2]) if found else (segment, None)
    if not steps:
        if name not in SETS:
            raise NotFound(f"there is no entity set '{name[:60]}'; use one of {', '.join(SETS)}")
        entities, link = SETS[name], None
    else:
        before = steps[-1]
        if name not in before.entities.links or (before.link is not None and before.key is None and _is_many(steps)):
            known = ", ".join([*before.entities.links, *before.entities.properties])
            raise NotFound(f"{before.entities.singular} has no '{name[:60]}'; use one of {known}")
        if len(steps) == 1 and before.key is None:
            raise NotFound(f"say which of {before.entities.plural} is meant, like {before.entities.plural}(1)/{name}")
        entities, link = SETS[before.entities.links[name].target], name
    return Step(entities, link, None if said is None else read_key(entities, said))


def _is_many(steps: list[Step]) -> bool:
    link = steps[-1].link
    return link is not None and steps[-2].entities.links[link].is_many


def read_key(entities: EntitySet, said: Any) -> Key:
    """Return the key that an id stands for; raises InvalidInput."""
    text = str(said)
    if entities.plural == "Observations":
        found = _OBSERVATION.fullmatch(text)
        if found is None or int(found[1]) > LARGEST_ID or int(found[2]) > 10**16:
            raise InvalidInput(f"the id of an Observation is '{text[:40]}'; they look like '12-1772323200000000'")
        return int(found[1]), time_of(int(found[2]))
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 0 <= int(text) <= LARGEST_ID):
        raise InvalidInput(f"the id of {entities.singular} is '{text[:40]}'; use a whole number")
    return (int(text),)
