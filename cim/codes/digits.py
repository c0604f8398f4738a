"""The first look at a code of digits: its length and its characters."""

from __future__ import annotations

from cim.errors import InvalidCode


def require_digits(code: str, length: int, what: str, made_of: str) -> None:
    """Raise InvalidCode where a code is not of so many ASCII digits."""
    odd = next((sign for sign in code if sign not in "0123456789"), None)
    if odd is not None:
        place = code.index(odd) + 1
        raise InvalidCode(f"'{code[:60]}' is no {what}: character {place} is '{odd}', and all {length} are digits")
    if len(code) != length:
        raise InvalidCode(f"'{code[:60]}' is no {what}: it has {len(code)} digits and {length} are right ({made_of})")
