"""Bounds on what runs at once, so that a crowd waits or is sent away instead of taking the machine down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cim.errors import Busy


class Gate:
    """Lets ``at_once`` pass, ``waiting`` stand in line for at most ``patience_s``, and refuses the rest (Busy)."""

    def __init__(self, at_once: int, *, waiting: int, patience_s: float) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._most_waiting = waiting
        self._patience_s = patience_s

    @property
    def is_full(self) -> bool:
        """Whether one who comes now has to wait."""
        return self._places.locked()

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[None]:
        """Hold one of the places.

        Raises
        ------
        Busy
        """
        await self._wait()
        try:
            yield
        finally:
            self._places.release()

    async def _wait(self) -> None:
        if self._places.locked() and self._waiting >= self._most_waiting:
            raise Busy
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience_s):
                await self._places.acquire()
        except TimeoutError:
            raise Busy from None
        finally:
            self._waiting -= 1
