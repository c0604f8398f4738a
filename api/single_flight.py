"""Work that several wait for at the same time, done once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """What is being done now, by what it is done for; what it comes to, or its error, is everybody's."""

    def __init__(self) -> None:
        self._flying: dict[Hashable, asyncio.Task[T]] = {}

    async def do(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return what the work comes to, begun here unless it is under way for somebody else."""
        task = self._flying.get(key)
        if task is None:
            task = asyncio.create_task(_run(work))
            self._flying[key] = task
            task.add_done_callback(partial(self._land, key))
        # One who goes away must not take it from the others who wait for it.
        return await asyncio.shield(task)

    def _land(self, key: Hashable, task: asyncio.Task[T]) -> None:
        self._flying.pop(key, None)
        if not task.cancelled():
            # Retrieved here, so that an error nobody waits for any more makes no noise.
            task.exception()


async def _run(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
