"""What is pushed, on its way in: what comes within a moment is taken in together, as many cost little more than one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from cim.errors import Busy

#: What comes within this time goes together; as long as more comes, so much longer, but not for ever.
GATHER_S, MOST_GATHER_S = 0.01, 0.06
#: So much may wait; who comes when there is more is to come again.
MOST_WAITING = 5_000

Said = TypeVar("Said")
Taken = TypeVar("Taken")


@dataclass(frozen=True)
class Waiting(Generic[Said, Taken]):
    """What one request brings, and who waits for what becomes of it."""

    items: Sequence[Said]
    actor: str
    answer: asyncio.Future[list[Taken]]


class Intake(Generic[Said, Taken]):
    """Takes in what all requests bring, one transaction after the other.

    Parameters
    ----------
    take_in
        Takes in items of one actor and returns what became of each, in their order.
    at_once
        Items that go together at most.
    noun
        What they are, in the words of a refusal.
    """

    def __init__(
        self, take_in: Callable[[Sequence[Said], str], Awaitable[list[Taken]]], *, at_once: int, noun: str
    ) -> None:
        self._take_in = take_in
        self._at_once = at_once
        self._noun = noun
        self._waiting: list[Waiting[Said, Taken]] = []
        self._running: asyncio.Task[None] | None = None

    async def take(self, items: Sequence[Said], actor: str) -> list[Taken]:
        """Take in items; returns, once they are safe, what became of each.

        Raises
        ------
        Busy, DatabaseUnavailable
        """
        if sum(len(one.items) for one in self._waiting) > MOST_WAITING:
            raise Busy(
                f"more {self._noun} come than can be taken in; send this again in a moment",
                "busy_taking_in", noun=self._noun,
            )  # fmt: skip
        answer: asyncio.Future[list[Taken]] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(items, actor, answer))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await answer

    async def stop(self) -> None:
        """Take in what waits."""
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        await self._gather()
        while self._waiting:
            together = self._next()
            try:
                taken = await self._take_in([item for one in together for item in one.items], together[0].actor)
            except Exception as error:
                for one in together:
                    if not one.answer.done():
                        one.answer.set_exception(error)
                continue
            start = 0
            for one in together:
                # Who waited may have gone; the items are in all the same.
                if not one.answer.done():
                    one.answer.set_result(taken[start : start + len(one.items)])
                start += len(one.items)
            await self._gather()

    async def _gather(self) -> None:
        """Wait while more comes: those who were just answered send their next, and together they cost little more."""
        gathered, count = 0.0, -1
        while gathered < MOST_GATHER_S and count != len(self._waiting):
            count = len(self._waiting)
            await asyncio.sleep(GATHER_S)
            gathered += GATHER_S

    def _next(self) -> list[Waiting[Said, Taken]]:
        """Take from the front what goes together: of one actor, and not too many."""
        together = [self._waiting.pop(0)]
        count = len(together[0].items)
        while self._waiting and self._waiting[0].actor == together[0].actor:
            count += len(self._waiting[0].items)
            if count > self._at_once:
                break
            together.append(self._waiting.pop(0))
        return together
