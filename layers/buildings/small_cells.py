"""Counts by kind with the small ones left out, so that neither they nor their sum can be found by subtraction."""

from __future__ import annotations

from collections.abc import Mapping

from layers.queries.small_counts import SMALL


def hide_small_cells(cells: Mapping[str, int]) -> tuple[dict[str, int | None], int | None]:
    """Return the cells, None for those that are hidden, and their total, or None.

    A cell below ``SMALL`` is hidden. If what is hidden adds up to less than ``SMALL``, or is one cell alone, the total
    would give it away: then the next smallest cells are hidden with it, and where there are none, the total.
    """
    order = sorted(cells, key=lambda name: (cells[name], name))
    hidden = [name for name in order if 0 < cells[name] < SMALL]
    rest = [name for name in order if name not in hidden and cells[name]]
    while hidden and rest and (len(hidden) == 1 or sum(cells[name] for name in hidden) < SMALL):
        hidden.append(rest.pop(0))
    total = sum(cells.values())
    is_open = not hidden or (len(hidden) > 1 and sum(cells[name] for name in hidden) >= SMALL)
    return {name: None if name in hidden else count for name, count in cells.items()}, total if is_open else None
