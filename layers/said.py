"""The fields of what callers send, checked one by one: errors name the field, its value and what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cim.errors import InvalidInput


def fields_of(body: Any, known: Iterable[str], wanted: str) -> Mapping[str, Any]:
    """Return a body that is an object of known fields; ``wanted`` says what to send else. Raises InvalidInput."""
    if not isinstance(body, Mapping):
        raise InvalidInput(f"the body is not an object; send {wanted}", "not_an_object", wanted=wanted)
    require_known(body, known)
    return body


def require_known(said: Mapping[str, Any], known: Iterable[str], noun: str = "field") -> None:
    """Raise InvalidInput for a field that is not known."""
    names = list(known)
    unknown = set(map(str, said)) - set(names)
    if unknown:
        raise InvalidInput(
            f"unknown {noun} '{min(unknown)[:60]}'; known are: {', '.join(names)}",
            "unknown_field", given=min(unknown)[:60], known=names,
        )  # fmt: skip


def text_in(said: Mapping[str, Any], name: str, longest: int) -> str | None:
    """Return a text without what no database keeps and no page shows, None where it is empty; raises InvalidInput."""
    value = said.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > longest or not is_writable(value):
        raise InvalidInput(
            f"{name} is {shown(value)}; text of at most {longest} characters is right",
            "text_wrong", field=name, given=str(value)[:40], most=longest,
        )  # fmt: skip
    return value.strip() or None


def require_limit(limit: int, most: int) -> None:
    """Raise InvalidInput for a length of lists that is none, or more than is listed."""
    if not 1 <= limit <= most:
        raise InvalidInput(
            f"limit is {limit}; a whole number from 1 to {most} is right",
            "whole_number_wrong", field="limit", given=limit, least=1, most=most,
        )  # fmt: skip


def require_on_earth(longitude: float, latitude: float) -> None:
    """Raise InvalidInput for degrees that are no place."""
    if not (abs(longitude) <= 180 and abs(latitude) <= 90):
        raise InvalidInput(
            f"lon {longitude}, lat {latitude} is no place on earth; degrees are right, longitude first",
            "not_on_earth", given=f"{longitude}, {latitude}",
        )  # fmt: skip


def is_writable(text: str) -> bool:
    """Tell whether a text has neither NUL nor halves of surrogate pairs."""
    return "\0" not in text and not re.search("[\ud800-\udfff]", text)


def shown(value: Any) -> str:
    """Return the beginning of a value as an error shows it."""
    return repr(str(value)[:40].encode("utf-8", "replace").decode())
