"""Who asks, and what a role may see and do: the one place where that is decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cim.errors import Forbidden

Role = Literal["viewer", "service", "planner", "commander", "admin"]

#: A role sees the layers of its own rank and of all below. A service reads like a viewer and may push events.
RANK: dict[str, int] = {"viewer": 0, "service": 0, "planner": 1, "commander": 2, "admin": 3}

ACTIONS: dict[str, frozenset[str]] = {
    "read": frozenset(RANK),
    "push_events": frozenset({"service", "commander", "admin"}),
    "handle_events": frozenset({"service", "commander", "admin"}),
    "settle_conflicts": frozenset({"planner", "commander", "admin"}),
    "draw_zones": frozenset({"planner", "commander", "admin"}),
    "demarcate": frozenset({"commander", "admin"}),
    "see_small_counts": frozenset({"commander", "admin"}),
    "administer": frozenset({"admin"}),
}


@dataclass(frozen=True)
class Caller:
    """One caller: a role, and an area code (prefix of grid codes) that limits it, or None for the whole district."""

    role: Role
    area_code: str | None = None

    def visible_levels(self) -> list[str]:
        """Return the values of ``layer.visibility`` that this caller may see."""
        return [role for role, rank in RANK.items() if rank <= RANK[self.role]]

    def may(self, action: str) -> bool:
        """Tell whether the role allows an action."""
        return self.role in ACTIONS[action]

    def require(self, action: str) -> None:
        """Raise Forbidden where the role does not allow an action."""
        if not self.may(action):
            allowed = ", ".join(sorted(ACTIONS[action]))
            raise Forbidden(
                f"the role '{self.role}' may not do this ({action}); allowed are: {allowed}",
                "action_forbidden", role=self.role, action=action, allowed=sorted(ACTIONS[action]),
            )  # fmt: skip


#: On loopback, as long as no key exists.
OPEN_CALLER = Caller("admin")
