"""Strahler's order of the reaches of a river network (Strahler 1957), for networks with braids too.

Two arms of a fork that meet again are one river: an order rises only where two streams of that order meet that began
at different places (A. Gleyzer et al., A fast recursive GIS algorithm for computing Strahler stream order in braided
and nonbraided networks, JAWRA 40 (2004)).
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def strahler(source: Numbers, target: Numbers) -> Numbers:
    """Return the order of each reach, 0 for those in or below a circle, where water would run round.

    Parameters
    ----------
    source, target
        Numbers of the places between which each reach runs, in the direction of flow.
    """
    size = int(max(source.max(initial=-1), target.max(initial=-1))) + 1
    waiting = np.bincount(target, minlength=size)
    leaving: list[list[int]] = [[] for _ in range(size)]
    for edge, node in enumerate(source.tolist()):
        leaving[node].append(edge)
    order = np.zeros(len(source), np.int64)
    #: what has come to each place so far: (order, place where that order began)
    arrived: list[set[tuple[int, int]]] = [set() for _ in range(size)]
    ready = deque(np.flatnonzero(waiting == 0).tolist())
    ends = target.tolist()
    while ready:
        node = ready.popleft()
        here = _order_at(node, arrived[node])
        for edge in leaving[node]:
            order[edge] = here[0]
            arrived[ends[edge]].add(here)
            waiting[ends[edge]] -= 1
            if waiting[ends[edge]] == 0:
                ready.append(ends[edge])
    return order


def _order_at(node: int, arrived: set[tuple[int, int]]) -> tuple[int, int]:
    if not arrived:
        return 1, node
    highest = max(order for order, _ in arrived)
    origins = [origin for order, origin in arrived if order == highest]
    return (highest + 1, node) if len(origins) > 1 else (highest, origins[0])
