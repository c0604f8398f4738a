"""Official codes looked at on their way in: a wrong one is told, and keeps its row out where the catalogue says so.

The catalogue's row of a layer names the scheme of a field (``fields -> code -> scheme``, see ``cim.codes``) and what
happens to rows whose code does not follow it (``wrong``: 'note', the default, or 'quarantine'). An owner's own code is
still a key: as long as it is unique it identifies the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from cim.codes import SCHEMES, reason_if_wrong
from cim.reports import Note
from cim.tables import layer
from layers.sources.batch import Values, is_none
from layers.sources.geometry import Checked

#: Schemes of the standard layers' codes, where the catalogue's row names none.
STANDARD = {"buildings": "building", "cameras": "device", "grid_cells": "grid_cell", "admin_areas": "area"}
_EXAMPLES = 3


@dataclass
class CodeCheck:
    """What is found in the codes of one layer of a file."""

    layer_id: str
    column: str
    scheme: str
    is_strict: bool
    seen: int = 0
    wrong: int = 0
    examples: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, connection: Connection, layer_id: str) -> CodeCheck | None:
        """Return the check that the catalogue asks for, or None where it asks for none."""
        fields = connection.execute(select(layer.c.fields).where(layer.c.id == layer_id)).scalar_one_or_none() or {}
        for name, said in fields.items():
            if said.get("scheme") in SCHEMES:
                return cls(layer_id, name, said["scheme"], said.get("wrong") == "quarantine")
        standard = STANDARD.get(layer_id)
        return cls(layer_id, "code", standard, _is_strict(fields)) if standard else None

    def check(self, columns: Mapping[str, Values], checked: Checked) -> None:
        """Count wrong codes in columns of the model or the file; reject their rows where the catalogue says so."""
        values = columns.get(self.column)
        if values is None:
            return
        present = np.flatnonzero(~is_none(values))
        self.seen += len(present)
        for row in present.tolist():
            reason = reason_if_wrong(self.scheme, str(values[row]))
            if reason is None:
                continue
            self.wrong += 1
            if len(self.examples) < _EXAMPLES:
                self.examples.append(reason)
            if self.is_strict and checked.reasons[row] == "":
                checked.reasons[row], checked.details[row] = "invalid_code", reason
                checked.geometries[row] = None

    def notes(self) -> list[Note]:
        """Return what was found, in one note at most."""
        if not self.wrong:
            return []
        if self.wrong == self.seen and not self.is_strict:
            text = f"none of the {self.seen} codes follows the scheme '{self.scheme}'; taken as the owner's own keys"
        else:
            text = f"{self.wrong} of {self.seen} codes do not follow the scheme '{self.scheme}'"
            text += "; their rows are in the quarantine" if self.is_strict else "; kept as keys"
        return [Note("invalid_codes", f"{self.layer_id}: {text}, such as: {'; '.join(self.examples)}")]


def _is_strict(fields: Mapping[str, Any]) -> bool:
    return bool(fields.get("code", {}).get("wrong") == "quarantine")
