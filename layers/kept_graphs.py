"""Graphs that are costly to read, kept in memory and shared by all threads of a process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

Graph = TypeVar("Graph")


class KeptGraphs(Generic[Graph]):
    """So many graphs, each of one state of its data; the one that was asked for longest ago goes first.

    Parameters
    ----------
    most
        How many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[Hashable, Future[Graph]]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, state: Hashable, read: Callable[[], Graph]) -> Graph:
        """Return the graph of a key, read anew where the kept one is of another state.

        One thread reads, the others that ask for the same state wait for it. What ``read`` raises is raised to the
        thread that read; each that waited tries for itself, as a connection that broke is not its own.
        """
        while True:
            graph, is_mine = self._claim(key, state)
            if is_mine:
                return self._fill(key, graph, read)
            if graph.exception() is None:
                return graph.result()

    def _claim(self, key: Hashable, state: Hashable) -> tuple[Future[Graph], bool]:
        """Return what is kept or being read, or a place for the caller to fill."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept[0] == state:
                self._kept.move_to_end(key)
                return kept[1], False
            place: Future[Graph] = Future()
            self._kept[key] = (state, place)
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return place, True

    def _fill(self, key: Hashable, place: Future[Graph], read: Callable[[], Graph]) -> Graph:
        try:
            graph = read()
        except BaseException as error:
            # Out of the way before the others wake: they would find it again.
            with self._lock:
                if key in self._kept and self._kept[key][1] is place:
                    del self._kept[key]
            place.set_exception(error)
            raise
        place.set_result(graph)
        return graph
