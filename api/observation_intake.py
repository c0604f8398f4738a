"""Readings on their way in: what comes within a moment is written in one transaction."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cim.access import Caller
from cim.errors import Busy
from layers.live.sensors.observe import Observed
from layers.live.sensors.reading import Readings

#: What comes within this time goes together.
GATHER_S = 0.005
#: Readings of one transaction, and of all that may wait; who comes when there are more is to come again.
AT_ONCE = 10_000
MOST_WAITING = 400_000
#: Listeners are told of newer readings this often.
TELL_EVERY_S = 1.0

Write = Callable[[Readings, Caller, bool], Awaitable[Observed]]


@dataclass(frozen=True)
class Waiting:
    """Readings of one request, and who waits for what becomes of them."""

    readings: Readings
    caller: Caller
    answer: asyncio.Future[Observed]


class ObservationIntake:
    """Writes the readings of all requests, one transaction after the other."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._waiting: list[Waiting] = []
        self._running: asyncio.Task[None] | None = None
        self._told_at = float("-inf")

    async def take(self, readings: Readings, caller: Caller) -> Observed:
        """Write readings; returns, once they are safe, what became of those that went together.

        Raises
        ------
        Busy, DatabaseUnavailable
        """
        if sum(len(one.readings) for one in self._waiting) > MOST_WAITING:
            raise Busy(
                "more readings come than can be written; send these again in a moment",
                "busy_taking_in", noun="readings",
            )  # fmt: skip
        answer: asyncio.Future[Observed] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(readings, caller, answer))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await answer

    async def stop(self) -> None:
        """Write what waits."""
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        await asyncio.sleep(GATHER_S)
        while self._waiting:
            together = self._next()
            try:
                observed = await self._write(_joined(together), together[0].caller, self._is_time_to_tell())
            except Exception as error:
                await self._apart(together, error)
                continue
            for one in together:
                if not one.answer.done():
                    one.answer.set_result(observed)

    async def _apart(self, together: list[Waiting], error: Exception) -> None:
        """Tell who waits what went wrong; where several went together, it may be the fault of one."""
        for one in together:
            try:
                if len(together) == 1:
                    raise error
                observed = await self._write(one.readings, one.caller, False)
            except Exception as fault:
                if not one.answer.done():
                    one.answer.set_exception(fault)
            else:
                if not one.answer.done():
                    one.answer.set_result(observed)

    def _next(self) -> list[Waiting]:
        """Take from the front what goes together: of one caller, and not too many."""
        together = [self._waiting.pop(0)]
        count = len(together[0].readings)
        while self._waiting and self._waiting[0].caller == together[0].caller:
            count += len(self._waiting[0].readings)
            if count > AT_ONCE:
                break
            together.append(self._waiting.pop(0))
        return together

    def _is_time_to_tell(self) -> bool:
        now = time.monotonic()
        if now - self._told_at < TELL_EVERY_S:
            return False
        self._told_at = now
        return True


def _joined(together: list[Waiting]) -> Readings:
    if len(together) == 1:
        return together[0].readings
    found = Readings()
    for one in together:
        found.extend(one.readings)
    return found
