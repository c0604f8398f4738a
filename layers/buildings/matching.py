"""Which building each source speaks of.

A pair of a source and a building is scored by a noisy or of its evidence, so that more evidence never lowers it:
an equal code (0.9), geometry (0.85 times the share in common), height (0.2) and name (0.3). Of two footprints the
share is intersection over union; of an IFC model and a footprint 0.6 x (intersection over the smaller area) + 0.4 x
(intersection over union), for a model may cover a part of a footprint; a register's point inside counts 0.8. Areas
are taken in degrees: their ratios do not depend on the scale of the axes. Two different codes of one scheme take the
score times 0.6, an equal code more than about 300 m away times 0.7. Pairs of equal codes are settled first.
"""

from __future__ import annotations

from sqlalchemy import Connection

from cim.db import driver
from layers.sql import statement

#: Pairs below it are no match: a point inside a footprint makes 0.68, IoU 0.6 of two footprints 0.51.
THRESHOLD = 0.5


def match_sources(connection: Connection) -> None:
    """Assign every row of ``merge_pending`` to a building, or leave a register's row without one.

    Footprints come first, then IFC, then registers, for each looks for its building among those found before.
    """
    for kind in ("footprint", "ifc"):
        _execute(connection, "merge_stay", kind=kind)
        _match(connection, kind)
        _execute(connection, "merge_keep", kind=kind)
        _execute(connection, "merge_create", kind=kind)
    _match(connection, "register")


def _match(connection: Connection, kind: str) -> None:
    # An equal code decides; only what has none is sought by its place, which costs far more.
    for by_code in (True, False):
        _clear(connection)
        if not by_code and not connection.execute(statement("merge_anchored")).scalar_one():
            return
        if not _execute(connection, "merge_edges", kind=kind, by_code=by_code, threshold=THRESHOLD):
            continue
        # Each round settles at least the best pair of all; two or three rounds are usual.
        while _execute(connection, "merge_accept", is_single=kind == "footprint"):
            pass


def _clear(connection: Connection) -> None:
    with driver(connection).cursor() as cursor:
        cursor.execute("ANALYZE merge_pending")
        cursor.execute("TRUNCATE merge_edge")


def _execute(connection: Connection, name: str, **values: object) -> int:
    return int(connection.execute(statement(name), values).rowcount)
