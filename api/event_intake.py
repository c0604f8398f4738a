"""Events on their way in: what comes within a moment is taken in together, as many cost little more than one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from cim.errors import Busy
from layers.live.events.incoming import Incoming
from layers.live.events.intake import AT_ONCE, Taken

#: What comes within this time goes together.
GATHER_S = 0.01
#: Events that may wait; who comes when there are more is to come again.
MOST_WAITING = 5_000

TakeIn = Callable[[Sequence[Incoming], str], Awaitable[list[Taken]]]


@dataclass(frozen=True)
class Waiting:
    """Events of one request, and who waits for what becomes of them."""

    events: Sequence[Incoming]
    actor: str
    answer: asyncio.Future[list[Taken]]


class EventIntake:
    """Takes in the events of all requests, one transaction after the other."""

    def __init__(self, take_in: TakeIn) -> None:
        self._take_in = take_in
        self._waiting: list[Waiting] = []
        self._running: asyncio.Task[None] | None = None

    async def take(self, events: Sequence[Incoming], actor: str) -> list[Taken]:
        """Take in events; returns, once they are safe, what became of each.

        Raises
        ------
        Busy, DatabaseUnavailable
        """
        if sum(len(one.events) for one in self._waiting) > MOST_WAITING:
            raise Busy("more events come than can be taken in; send this one again in a moment")
        answer: asyncio.Future[list[Taken]] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(events, actor, answer))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await answer

    async def stop(self) -> None:
        """Take in what waits."""
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        await asyncio.sleep(GATHER_S)
        while self._waiting:
            together = self._next()
            try:
                taken = await self._take_in([event for one in together for event in one.events], together[0].actor)
            except Exception as error:
                for one in together:
                    if not one.answer.done():
                        one.answer.set_exception(error)
                continue
            start = 0
            for one in together:
                # Who waited may have gone; the events are in all the same.
                if not one.answer.done():
                    one.answer.set_result(taken[start : start + len(one.events)])
                start += len(one.events)

    def _next(self) -> list[Waiting]:
        """Take from the front what goes together: of one actor, and not too many."""
        together = [self._waiting.pop(0)]
        count = len(together[0].events)
        while self._waiting and self._waiting[0].actor == together[0].actor:
            count += len(self._waiting[0].events)
            if count > AT_ONCE:
                break
            together.append(self._waiting.pop(0))
        return together
