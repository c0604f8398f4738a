"""What a network would have to say for its hydraulics to be computed."""

from __future__ import annotations

from cim.errors import CimError


class NotAvailable(CimError):
    """The network does not say what is needed to compute it."""

    def __init__(self, reason: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(reason)
