"""What a network would have to say for its hydraulics to be computed."""

from __future__ import annotations

from typing import Any

from cim.errors import CimError


class NotAvailable(CimError):
    """The network does not say what is needed to compute it.

    Attributes
    ----------
    remedy
        What would make it possible.
    """

    def __init__(self, reason: str, remedy: str, code: str | None = None, /, **values: Any) -> None:
        self.remedy = remedy
        super().__init__(reason, code, **values)
