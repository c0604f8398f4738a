"""Graphs in memory: read once a state, by one thread, so many of them, and a failure is nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Timer

import pytest

from layers.kept_graphs import KeptGraphs


@pytest.fixture
def read() -> list[str]:
    """Return the names of what was read, in order."""
    return []


def reading(read: list[str], name: str) -> Callable[[], str]:
    def once() -> str:
        read.append(name)
        return f"{name} {len(read)}"

    return once


def test_it_is_read_again_only_in_another_state(read: list[str]) -> None:
    kept: KeptGraphs[str] = KeptGraphs(2)
    answers = [kept.get("a", state, reading(read, "a")) for state in (1, 1, 2, 2, 1)]
    assert answers == ["a 1", "a 1", "a 2", "a 2", "a 3"]


def test_what_was_asked_for_longest_ago_goes_first(read: list[str]) -> None:
    kept: KeptGraphs[str] = KeptGraphs(2)
    for name in ("a", "b", "a", "c", "a", "b"):
        kept.get(name, 1, reading(read, name))
    assert read == ["a", "b", "c", "b"]


def test_one_reads_and_the_others_wait(read: list[str]) -> None:
    kept: KeptGraphs[str] = KeptGraphs(2)
    together, may_end = Barrier(8), Event()

    def slow() -> str:
        assert may_end.wait(10)
        return reading(read, "a")()

    def ask(_: int) -> str:
        together.wait(10)
        return kept.get("a", 1, slow)

    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(ask, number) for number in range(7)]
        together.wait(10)
        # Another graph is not held up meanwhile.
        assert kept.get("b", 1, lambda: "b") == "b"
        may_end.set()
        assert {answer.result(10) for answer in answers} == {"a 1"}
    assert read == ["a"]


def test_a_failure_is_told_to_the_one_that_read_and_the_next_tries_again(read: list[str]) -> None:
    kept: KeptGraphs[str] = KeptGraphs(2)
    is_reading, may_end = Event(), Event()

    def broken() -> str:
        is_reading.set()
        assert may_end.wait(10)
        raise ConnectionError("gone")

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(kept.get, "a", 1, broken)
        assert is_reading.wait(10)
        second = threads.submit(kept.get, "a", 1, reading(read, "a"))
        # Time for the second to wait for the first.
        Timer(0.05, may_end.set).start()
        with pytest.raises(ConnectionError, match="gone"):
            first.result(10)
        assert second.result(10) == "a 1"
    assert kept.get("a", 1, reading(read, "a")) == "a 1"
