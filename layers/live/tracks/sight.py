"""Who may see where units are: positions of people are not for everybody."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, or_, true

from cim.access import RANK, Caller
from cim.errors import Forbidden

#: The name under which ``/live`` offers them; no layer of the catalogue, as no tiles are to be made of them.
LAYER = "mobile_units"
#: The least role.
VISIBILITY = "planner"


def may_see(caller: Caller) -> bool:
    """Tell whether a role sees units at all."""
    return RANK[caller.role] >= RANK[VISIBILITY]


def require_sight(caller: Caller) -> None:
    """Raise Forbidden for a role that does not see units."""
    if not may_see(caller):
        raise Forbidden(
            f"the role '{caller.role}' does not see where units are; {VISIBILITY} and above do",
            "units_not_visible", role=caller.role,
        )  # fmt: skip


def in_own_area(area_code: ColumnElement[str], caller: Caller) -> ColumnElement[bool]:
    """Return the condition that keeps a caller in its area; what has no area code is everybody's."""
    if caller.area_code is None:
        return true()
    return or_(area_code.is_(None), func.starts_with(area_code, caller.area_code))
