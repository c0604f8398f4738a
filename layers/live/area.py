"""Areas of keys: what a key of one area may write is what it may see, and never what lies elsewhere."""

from __future__ import annotations


def lies_within(area_code: str | None, area: str | None) -> bool:
    """Tell whether something with an area code is in an area (None: all); what has no code is everybody's."""
    return area is None or area_code is None or area_code.startswith(area)
