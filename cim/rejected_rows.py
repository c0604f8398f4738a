"""Rejected rows of one import, kept on disk beyond a few: a file of millions of bad rows must not fill the memory."""

from __future__ import annotations

import tempfile
import weakref
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import orjson

from cim.reports import Rejected

#: bytes kept in memory
_SPOOL_BYTES = 4 * 2**20


class RejectedRows:
    """A collection of rejected rows in the order in which they came.

    Attributes
    ----------
    reasons
        How many rows were rejected for each reason.
    first
        The first one, as an example.
    """

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        self.first: Rejected | None = None
        self._lines: Any = tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)  # noqa: SIM115 - lives as long as self
        weakref.finalize(self, self._lines.close)

    def append(self, row: Rejected) -> None:
        """Add a row."""
        self.first = self.first or row
        self.reasons[row.reason] += 1
        self._lines.write(orjson.dumps(asdict(row), default=str, option=orjson.OPT_NON_STR_KEYS) + b"\n")

    def __len__(self) -> int:
        return self.reasons.total()

    def __iter__(self) -> Iterator[Rejected]:
        self._lines.seek(0)
        for line in self._lines:
            yield Rejected(**orjson.loads(line))
        self._lines.seek(0, 2)

    def __contains__(self, row: object) -> bool:
        return any(row == other for other in self)
