"""After changes: sums of small scales are made anew, tiles that show what has changed are marked, and all are told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from cim.access import OPEN_CALLER
from cim.db import notify
from cim.errors import InvalidInput, NotFound
from layers.catalogue import get_layer
from tiles.mvt import layer_table
from tiles.overview import SUMMED, policy_of
from tiles.overview_cells import renew_cells
from tiles.sql import statement
from tiles.tile import Envelope

#: Boxes of one notice: PostgreSQL takes 8,000 bytes.
BOXES_A_NOTICE = 60
#: Changes that are looked at one by one; of more, the boxes of a layer are joined by region.
MOST_BOXES = 300
REGION_M = 4892.0
#: Longer than any statement that builds a tile may take.
KEPT_S = 300
#: Held by the one who settles.
SETTLING_LOCK = "cim.tiles.settle"
#: Held shared by those who keep a tile, and alone by the one who marks tiles.
KEEPING_LOCK = "cim.tiles.keep"


def settle(connection: Connection) -> int:
    """Bring sums and marks up to date with all that was committed, and tell servers and viewers; returns the changes.

    Within the caller's transaction. Whoever else settles waits.
    """
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(SETTLING_LOCK))))
    changes = connection.execute(statement("tile_pending")).all()
    if not changes:
        return 0
    boxes = _boxes_by_layer(changes)
    for layer_id, touched in boxes.items():
        renew_overview(connection, layer_id, touched)
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(KEEPING_LOCK))))
    ids = [change.id for change in changes]
    connection.execute(statement("tile_mark"), {"ids": ids})
    connection.execute(statement("tile_done"), {"ids": ids})
    for layer_id, touched in boxes.items():
        _tell(connection, layer_id, touched)
    return len(changes)


def forget_old(connection: Connection) -> None:
    """Forget changes that were done so long ago that nobody builds a tile from before them any more."""
    connection.execute(statement("tile_forget"), {"seconds": KEPT_S})


def renew_overview(connection: Connection, layer_id: str, boxes: Sequence[Envelope]) -> None:
    """Make the sums of a layer anew where boxes touch them; nothing where its policy needs none."""
    try:
        row = get_layer(connection, layer_id, OPEN_CALLER)
        policy = policy_of(row.overview)
    except (NotFound, InvalidInput):
        return
    table = layer_table(row)
    if policy is not None and table is not None and policy.kind in SUMMED:
        renew_cells(connection, row, table, policy, boxes)


def _boxes_by_layer(changes: Sequence[Row[Any]]) -> dict[str, list[Envelope]]:
    found: dict[str, set[Envelope]] = defaultdict(set)
    for change in changes:
        found[change.layer_id].add(Envelope(change.west, change.south, change.east, change.north))
    return {layer_id: _joined(boxes) for layer_id, boxes in sorted(found.items())}


def _joined(boxes: set[Envelope]) -> list[Envelope]:
    """Return the boxes, joined by region where they are very many."""
    if len(boxes) <= MOST_BOXES:
        return sorted(boxes)
    regions: dict[tuple[int, int], Envelope] = {}
    for box in boxes:
        region = (int(box.west // REGION_M), int(box.south // REGION_M))
        west, south, east, north = zip(regions.get(region, box), box, strict=True)
        regions[region] = Envelope(min(west), min(south), max(east), max(north))
    return sorted(regions.values())


def _tell(connection: Connection, layer_id: str, boxes: Sequence[Envelope]) -> None:
    """Tell servers and viewers what has changed: boxes in whole metres of EPSG:3857, rounded outwards."""
    for start in range(0, len(boxes), BOXES_A_NOTICE):
        sides = [
            [int(box.west // 1), int(box.south // 1), int(-(-box.east // 1)), int(-(-box.north // 1))]
            for box in boxes[start : start + BOXES_A_NOTICE]
        ]
        notify(connection, {"type": "tiles", "layer": layer_id, "boxes": sides})
