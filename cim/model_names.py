"""What a BIM model can be called by."""

from __future__ import annotations

from sqlalchemy import ColumnElement, String, cast, or_

from cim.tables import dataset, model


def is_called(name: str) -> ColumnElement[bool]:
    """Return the condition on ``model`` and its ``dataset``: by id, name, GlobalId, dataset or file."""
    return or_(
        cast(model.c.id, String) == name,
        model.c.name == name,
        model.c.global_id == name,
        dataset.c.name == name,
        dataset.c.file_name == name,
    )
