"""Sums that rest on a part of what they are of: between what is known and what may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def summed_range(known_sum: float | None, known_in: int, of: int, most: float | None) -> dict[str, Any]:
    """Return {"low", "high", "known_in", "of"}.

    ``low`` is the sum of what is known. ``high`` adds for each of those that say nothing as much as the largest of the
    others has; it is None where nothing is known at all. Both are the same where all is known.

    Parameters
    ----------
    known_in, of
        How many say a number, of how many.
    most
        The largest number that one of them says.
    """
    if of and not known_in:
        return {"low": 0, "high": None, "known_in": 0, "of": of}
    low = known_sum or 0
    return {"low": low, "high": low + (of - known_in) * (most or 0), "known_in": known_in, "of": of}


def range_of(values: Sequence[int | None]) -> dict[str, Any]:
    """Return the range of a sum of which some values are not known, or not shown."""
    known = [value for value in values if value is not None]
    return summed_range(sum(known), len(known), len(values), max(known, default=None))


def sum_known(values: Sequence[int | None]) -> int | None:
    """Return the sum of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
