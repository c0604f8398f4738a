"""What several wait for is done once, and belongs to nobody alone."""

from __future__ import annotations

import asyncio

import pytest

from api.single_flight import SingleFlight

pytestmark = pytest.mark.anyio


async def test_what_several_ask_for_is_done_once() -> None:
    begun, door = 0, asyncio.Event()

    async def work() -> int:
        nonlocal begun
        begun += 1
        await door.wait()
        return begun

    flights: SingleFlight[int] = SingleFlight()
    waiting = [asyncio.create_task(flights.do("a", work)) for _ in range(3)]
    other = asyncio.create_task(flights.do("b", work))
    await asyncio.sleep(0)
    # who leaves does not take it from the others
    waiting[0].cancel()
    await asyncio.sleep(0)
    door.set()
    assert await asyncio.gather(*waiting[1:], other) == [2, 2, 2]
    assert begun == 2
    # what is over is done again
    assert await flights.do("a", work) == 3


async def test_an_error_is_everybodys_and_is_not_kept() -> None:
    async def fail() -> int:
        await asyncio.sleep(0)
        raise ValueError("broken")

    async def succeed() -> int:
        return 1

    flights: SingleFlight[int] = SingleFlight()
    found = await asyncio.gather(*(flights.do("a", fail) for _ in range(2)), return_exceptions=True)
    assert [str(one) for one in found] == ["broken", "broken"]
    assert await flights.do("a", succeed) == 1
