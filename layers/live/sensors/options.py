"""Query options of SensorThings (18-088, 9.3), also nested ones of ``$expand``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from cim.errors import InvalidInput
from layers.live.sensors.entities import EntitySet

DEFAULT_TOP = 100
MOST_TOP = 10_000
MOST_NESTED_TOP = 1_000
MOST_SKIPPED = 1_000_000
MAX_DEPTH = 4
MAX_EXPANDS = 20
KNOWN = ("$filter", "$select", "$expand", "$orderby", "$top", "$skip", "$count", "$resultFormat", "$skiptoken")


@dataclass(frozen=True)
class Options:
    """What is asked of a set; ``after`` is the key of the last entity of the page before, as text."""

    filter: str | None = None
    select: tuple[str, ...] | None = None
    expand: dict[str, Options] = field(default_factory=dict)
    orderby: str | None = None
    top: int | None = None
    skip: int = 0
    is_counted: bool = False
    is_data_array: bool = False
    after: str | None = None


def read_options(pairs: Iterable[tuple[str, str]], depth: int = 0) -> Options:
    """Return the options of an address.

    Raises
    ------
    InvalidInput
        Naming the option, its value and what would be right.
    """
    found = Options()
    names = set()
    for name, value in pairs:
        if name not in KNOWN:
            raise InvalidInput(f"unknown option '{name[:60]}'; use some of {', '.join(KNOWN)}")
        if name in names:
            raise InvalidInput(f"{name} stands there twice; give it once")
        names.add(name)
        found = _with(found, name, value, depth)
    return found


def _with(found: Options, name: str, value: str, depth: int) -> Options:
    most = MOST_NESTED_TOP if depth else MOST_TOP
    match name:
        case "$filter":
            return replace(found, filter=value)
        case "$orderby":
            return replace(found, orderby=value)
        case "$select":
            return replace(found, select=tuple(word.strip() for word in value.split(",")))
        case "$expand":
            return replace(found, expand=_expand(value, depth + 1))
        case "$top":
            return replace(found, top=min(_whole(name, value), most))
        case "$skip":
            return replace(found, skip=_whole(name, value, MOST_SKIPPED))
        case _:
            return _flag(found, name, value)


def _flag(found: Options, name: str, value: str) -> Options:
    if name == "$count":
        if value not in ("true", "false"):
            raise InvalidInput(f"$count is '{value[:40]}'; use true or false")
        return replace(found, is_counted=value == "true")
    if name == "$skiptoken":
        return replace(found, after=value)
    if value != "dataArray":
        raise InvalidInput(f"$resultFormat is '{value[:40]}'; use dataArray")
    return replace(found, is_data_array=True)


def _whole(name: str, value: str, most: int | None = None) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 19) or (most is not None and int(value) > most):
        raise InvalidInput(f"{name} is '{value[:40]}'; use a whole number from 0" + (f" to {most}" if most else ""))
    return int(value)


def _expand(text: str, depth: int) -> dict[str, Options]:
    if depth > MAX_DEPTH:
        raise InvalidInput(f"$expand is nested deeper than {MAX_DEPTH}; ask in several requests")
    found: dict[str, Options] = {}
    for term in _split(text, ","):
        path, bracket, inner = term.strip().partition("(")
        if bracket and not inner.endswith(")"):
            raise InvalidInput(f"$expand has '{term[:60]}', whose bracket is not closed")
        names = path.strip().split("/")
        if depth + len(names) - 1 > MAX_DEPTH:
            raise InvalidInput(f"$expand is nested deeper than {MAX_DEPTH}; ask in several requests")
        nested = _nested(inner[:-1], depth + len(names) - 1) if bracket else Options()
        for name in reversed(names[1:]):
            nested = Options(expand={name: nested})
        found[names[0]] = _joined(found[names[0]], nested) if names[0] in found else nested
    if len(found) > MAX_EXPANDS:
        raise InvalidInput(f"$expand names more than {MAX_EXPANDS} links")
    return found


def _nested(text: str, depth: int) -> Options:
    pairs = []
    for option in _split(text, ";"):
        name, sign, value = option.strip().partition("=")
        if not sign:
            raise InvalidInput(f"$expand has '{option[:60]}'; write options in it like ($top=1;$select=result)")
        pairs.append((name, value))
    return read_options(pairs, depth)


def _joined(first: Options, second: Options) -> Options:
    """Return what ``A/B,A/C`` asks of A."""
    expand = dict(first.expand)
    for name, nested in second.expand.items():
        expand[name] = _joined(expand[name], nested) if name in expand else nested
    return replace(first if second == replace(Options(), expand=second.expand) else second, expand=expand)


def _split(text: str, sign: str) -> list[str]:
    """Split at a sign that stands neither in brackets nor in a text."""
    parts, depth, is_text, start = [], 0, False, 0
    for at, letter in enumerate(text):
        is_text = is_text != (letter == "'")
        if not is_text:
            depth += (letter == "(") - (letter == ")")
            if letter == sign and depth == 0:
                parts.append(text[start:at])
                start = at + 1
    return [*parts, text[start:]]


def check_names(entities: EntitySet, options: Options) -> None:
    """Refuse names that a set does not have; raises InvalidInput."""
    for name in options.expand:
        if name not in entities.links:
            raise InvalidInput(
                f"'{name[:60]}' cannot be expanded in {entities.singular}; use one of {', '.join(entities.links)}"
            )
    for name in options.select or ():
        if name not in entities.properties and name not in entities.links and name != "@iot.id":
            known = ", ".join([*entities.properties, *entities.links])
            raise InvalidInput(f"'{name[:60]}' is no property of {entities.singular}; use some of {known}")
