"""What a network would have to say for its hydraulics to be computed."""

from __future__ import annotations

from typing import Any

from cim.errors import CimError


class NotAvailable(CimError):
    """The network does not say what is needed to compute it.

    Attributes
    ----------
    code
        Which reason it is, for those who say it in another language; empty where only the sentences tell.
    values
        What the sentence tells beside its words.
    """

    def __init__(self, reason: str, remedy: str, code: str = "", **values: Any) -> None:
        self.remedy = remedy
        self.code, self.values = code, values
        super().__init__(reason)
