"""Units that have moved, told at most once a second: a map needs no more, and thousands may move at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from cim.errors import CimError
from layers.live.tracks.positions import Kept, as_notice

EVERY_S = 1.0

Tell = Callable[[Sequence[dict[str, Any]]], Awaitable[object]]


class TrackNotices:
    """Holds the newest position of each unit until it is told; lost ones are told with the next move."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._moved: dict[str, dict[str, Any]] = {}

    def note(self, kept: Iterable[Kept]) -> None:
        """Remember who has moved."""
        self._moved |= {one.position.code: as_notice(one) for one in kept if one.is_last}

    async def run(self) -> None:
        """Tell, for ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            moved, self._moved = self._moved, {}
            if moved:
                with suppress(CimError, SQLAlchemyError):
                    await self._tell(list(moved.values()))
