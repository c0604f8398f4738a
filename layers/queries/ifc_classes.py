"""Which IFC classes are kinds of which, over IFC2X3, IFC4 and IFC4X3 together.

``ifc_classes.json`` lists for every product and group its supertypes in any of the three schemas (a test compares it
with those); the service does not load a schema library for it.
"""

from __future__ import annotations

import difflib
from functools import lru_cache
from importlib.resources import files
from typing import Any

import orjson

from cim.errors import InvalidInput


@lru_cache(maxsize=1)
def _supertypes() -> dict[str, list[str]]:
    found: dict[str, Any] = orjson.loads((files("layers") / "queries" / "ifc_classes.json").read_bytes())
    return found


def with_subtypes(name: str) -> list[str]:
    """Return a class and all kinds of it, sorted; letter case does not matter.

    Raises
    ------
    InvalidInput
        If there is no such class, naming those that are spelled alike.
    """
    known = _supertypes()
    right = next((one for one in known if one.lower() == name.lower()), None)
    if right is None:
        alike = difflib.get_close_matches(name, known, n=3, cutoff=0.7)
        raise InvalidInput(
            f"'{name[:60]}' is no IFC class of a product or group"
            + (
                f"; did you mean {' or '.join(alike)}?"
                if alike
                else "; classes are named as in IfcWall, IfcPipeSegment"
            )
        )
    return [right, *sorted(one for one, above in known.items() if right in above)]
