"""Array types, and the seeded random streams that every part of the district draws from."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
#: Arrays of Python strings or of shapely geometries.
ObjectArray = NDArray[Any]


def random_stream(seed: int, name: str) -> np.random.Generator:
    """Give the random stream of one part; adding a part never shifts the numbers of another.

    Parameters
    ----------
    seed
        The district's seed.
    name
        What is drawn, e.g. ``"buildings"``.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(crc32(name.encode()),)))


def objects(values: list[Any]) -> ObjectArray:
    """Make a one-dimensional object array, whatever the elements are."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
