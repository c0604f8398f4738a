"""How many objects each layer has."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, func, select, union_all

from cim.tables import OBJECT_TABLES, metadata


def layer_counts_statement() -> Select[Any]:
    """Return the statement for (layer_id, count) of every layer that has objects."""
    parts = [
        select(table.c.layer_id, func.count().label("count")).group_by(table.c.layer_id)
        for table in (metadata.tables[f"cim.{name}"] for name in OBJECT_TABLES)
    ]
    together = union_all(*parts).subquery()
    return select(together.c.layer_id, func.sum(together.c.count)).group_by(together.c.layer_id)


def layer_counts(connection: Connection) -> dict[str, int]:
    """Return the number of objects by layer id; layers without objects are absent."""
    return {layer_id: int(count) for layer_id, count in connection.execute(layer_counts_statement())}
