"""All layers that one file fills: intakes opened, and at the end merged into the model with one result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import Connection

from cim.crs import CrsTransform
from cim.errors import InvalidFile
from cim.reports import LayerCounts, Note, WriteResult
from layers.catalogue import ensure_layer
from layers.sources.guess import Request, Target, by_name
from layers.sources.intake import Intake
from layers.sources.keys import SeenKeys
from layers.sources.staging import Staging

_MISPLACED = {"swapped_axes", "out_of_range"}


@dataclass
class Filling:
    """The writing of one file."""

    connection: Connection
    dataset_id: int
    intakes: list[Intake] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    seen: dict[str, list[SeenKeys]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.staging = Staging(self.connection, self.dataset_id)

    def open(
        self,
        target: Target,
        request: Request,
        transform: CrsTransform | None,
        field_types: Mapping[str, str],
        *,
        kind: str = "footprint",
        use_weak_key: bool = False,
    ) -> Intake:
        """Return an intake for one layer of the file; adds the layer to the catalogue where it is a generic one."""
        if target.table_name == "feature":
            ensure_layer(
                self.connection,
                target.layer_id,
                title=target.title or target.layer_id,
                geometry_type=request.family,
                field_types=field_types,
            )
        if target.is_guess:
            self.notes.append(Note("guessed_layer", _explain(target)))
        intake = Intake(
            target,
            self.staging,
            self.seen.setdefault(target.layer_id, []),
            transform,
            constants(target, request),
            kind,
            use_weak_key,
        )
        self.intakes.append(intake)
        return intake

    def finish(self) -> WriteResult:
        """Merge what was staged; raises InvalidFile where no row of the file lies on earth."""
        self._refuse_misplaced()
        result = WriteResult(notes=self.notes)
        for intake in self.intakes:
            layer_id, table_name = intake.target.layer_id, intake.target.table_name
            if layer_id not in result.layers:
                self.staging.add(table_name, intake.staged_columns(), ())
                result.layers[layer_id] = self.staging.merge(table_name, layer_id)
            _add(result.layers[layer_id], intake.counts)
            result.rejected += intake.rejected
            result.notes += intake.notes()
        boxes = [box for intake in self.intakes for box in intake.boxes]
        if boxes:
            corners = np.array(boxes)
            low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
            result.bounds = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        return result

    def _refuse_misplaced(self) -> None:
        rejected = [row for intake in self.intakes for row in intake.rejected]
        if rejected and not any(intake.staged for intake in self.intakes):
            reasons = {row.reason for row in rejected}
            if reasons <= _MISPLACED:
                first = rejected[0]
                remedy = (
                    "exchange the columns (or the coordinates) at the source"
                    if "swapped_axes" in reasons
                    else "say the right system with --crs"
                )
                raise InvalidFile(f"no row lies in its coordinate system: in {first.place} {first.detail}; {remedy}")


def constants(target: Target, request: Request) -> dict[str, Any]:
    """Return the values that the names of file and layer, or else the mapping's defaults, say for missing ones."""
    found: dict[str, Any] = {
        column: request.layer_name if value == "@title" else value
        for column, value in target.matched.mapping.defaults.items()
    }
    for column, choices in target.matched.mapping.from_name.items():
        value = by_name(request, dict(choices))
        if value is not None:
            found[column] = value
    return found


def _explain(target: Target) -> str:
    columns = ", ".join(f"{source} = {name}" for name, source in target.matched.columns.items()) or "no known column"
    key = target.matched.key or target.matched.weak_key or "the row's content"
    return f"'{target.title}' was taken for the layer '{target.layer_id}' ({columns}; key: {key}); else say --layer"


def _add(counts: LayerCounts, more: LayerCounts) -> None:
    counts.read += more.quarantined
    counts.quarantined += more.quarantined
    counts.repaired += more.repaired
