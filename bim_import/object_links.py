"""Links between the objects of a model into the database: what is as before is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, Select, delete, select

from bim_import.groups import LinkRow
from cim.db import copy_rows
from cim.tables import object_link

_COLUMNS = ("model_id", "source_key", "kind", "from_id", "to_id", "attributes")


def links_of(model_id: int) -> Select[Any]:
    """Return the statement for the links of a model."""
    link = object_link.c
    return select(link.id, link.source_key, link.kind, link.from_id, link.to_id, link.attributes).where(
        link.model_id == model_id
    )


def write_links(connection: Connection, model_id: int, rows: list[LinkRow], ids: Mapping[str, int]) -> None:
    """Make the links of a model those of its file.

    Parameters
    ----------
    ids
        Source key -> id of every object of the model.
    """
    wanted = {
        key: (kind, ids[source], ids[target], attributes)
        for key, kind, source, target, attributes in rows
        if source in ids and target in ids
    }
    present: dict[str, tuple[Any, ...]] = {}
    gone: list[int] = []
    for row in connection.execute(links_of(model_id)):
        values = (row.kind, row.from_id, row.to_id, row.attributes)
        if wanted.get(row.source_key) == values:
            present[row.source_key] = values
        else:
            gone.append(row.id)
    for start in range(0, len(gone), 10_000):
        connection.execute(delete(object_link).where(object_link.c.id.in_(gone[start : start + 10_000])))
    new = (
        (model_id, key, kind, source, target, orjson.dumps(attributes).decode())
        for key, (kind, source, target, attributes) in wanted.items()
        if key not in present
    )
    copy_rows(connection, "object_link", _COLUMNS, new)
