"""Keys that have been seen, in a few bytes each, so that duplicates are found in files of millions of rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class SeenKeys:
    """The keys of one layer of one import, with the row that each was first seen in.

    Holds 16 bytes a key: its 64-bit hash and the row. Sorted runs are merged like those of a log-structured tree, so
    that adding n keys in batches costs O(n log n) and no run is sorted again and again.
    """

    def __init__(self) -> None:
        self._runs: list[tuple[NDArray[np.uint64], NDArray[np.int64]]] = []

    def add(self, keys: NDArray[np.object_], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Remember keys and return, for each, the row in which it was seen before (-1: never)."""
        hashes = pd.util.hash_array(keys, categorize=False)
        earlier = self._find(hashes)
        first = pd.Series(rows).groupby(hashes, sort=False).transform("first").to_numpy()
        within = (first != rows) & (earlier < 0)
        earlier[within] = first[within]
        self._remember(hashes[earlier < 0], rows[earlier < 0])
        return earlier

    def unique_names(self, keys: Sequence[str], rows: NDArray[np.int64]) -> list[str]:
        """Return the keys, with '~2', '~3' ... behind those that were there before."""
        names = list(keys)
        pending = np.arange(len(names))
        ordinal = 1
        while len(pending):
            candidates: NDArray[np.object_] = np.empty(len(pending), object)
            candidates[:] = [keys[n] if ordinal == 1 else f"{keys[n]}~{ordinal}" for n in pending.tolist()]
            earlier = self.add(candidates, rows[pending])
            for n, candidate in zip(pending, candidates, strict=True):
                names[n] = candidate
            pending = pending[earlier >= 0]
            ordinal += 1
        return names

    def find(self, keys: NDArray[np.object_]) -> NDArray[np.int64]:
        """Return, for each key, the row in which it was seen (-1: never)."""
        return self._find(pd.util.hash_array(keys, categorize=False))

    def _find(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        earlier = np.full(len(hashes), -1, np.int64)
        for known, rows in self._runs:
            at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
            hit = known[at] == hashes
            earlier[hit] = rows[at[hit]]
        return earlier

    def _remember(self, hashes: NDArray[np.uint64], rows: NDArray[np.int64]) -> None:
        if not len(hashes):
            return
        order = np.argsort(hashes, kind="stable")
        self._runs.append((hashes[order], rows[order]))
        while len(self._runs) > 1 and len(self._runs[-1][0]) * 2 >= len(self._runs[-2][0]):
            (more, more_rows), (known, known_rows) = self._runs.pop(), self._runs.pop()
            both = np.concatenate([known, more])
            order = np.argsort(both, kind="stable")
            self._runs.append((both[order], np.concatenate([known_rows, more_rows])[order]))
