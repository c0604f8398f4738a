"""Those who tell what happens, each a dataset of its own: every row of the model says where it came from."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from cim.tables import dataset

FORMAT = "live"


def source_datasets(connection: Connection, sources: Collection[str]) -> dict[str, int]:
    """Return the dataset of each source, made where there is none yet."""
    names = {f"{FORMAT}:{source}": source for source in sources}
    found = _find(connection, names)
    if len(found) < len(names):
        rows = [
            {"name": name, "file_name": source, "format": FORMAT, "checksum": b"", "size_bytes": 0, "source": source}
            for name, source in names.items()
            if source not in found
        ]
        connection.execute(insert(dataset).values(rows).on_conflict_do_nothing())
        found = _find(connection, names)
    return found


def _find(connection: Connection, names: dict[str, str]) -> dict[str, int]:
    rows = connection.execute(select(dataset.c.name, dataset.c.id).where(dataset.c.name.in_(names)))
    return {names[name]: number for name, number in rows}
