"""All layers that one file fills: intakes opened, and at the end merged into the model with one result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sqlalchemy import Connection, delete

from cim.crs import CrsTransform, name_of
from cim.errors import InvalidFile
from cim.rejected_rows import RejectedRows
from cim.reports import LayerCounts, Note, WriteResult
from cim.tables import repair
from layers.catalogue import ensure_layer
from layers.sources.code_check import CodeCheck
from layers.sources.guess import Request, Target, by_name
from layers.sources.intake import Intake
from layers.sources.keys import SeenKeys
from layers.sources.mends import Mends
from layers.sources.recipe import Recipe
from layers.sources.shifted import Sample, is_doubtful, refuse_shifted
from layers.sources.staging import Staging

_MISPLACED = {"swapped_axes", "out_of_range"}


@dataclass
class Filling:
    """The writing of one file.

    Attributes
    ----------
    is_addition
        Rows are added to what the dataset has; nothing of it is removed.
    """

    connection: Connection
    dataset_id: int
    intakes: list[Intake] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    seen: dict[str, list[SeenKeys]] = field(default_factory=dict)
    is_addition: bool = False

    def __post_init__(self) -> None:
        self.staging = Staging(self.connection, self.dataset_id, remove_missing=not self.is_addition)
        self.rejected = RejectedRows()
        self.mends = Mends() if self.is_addition else Mends.read(self.connection, self.dataset_id)
        self.recipes: dict[str, Any] = {}
        if not self.is_addition:
            self.connection.execute(delete(repair).where(repair.c.dataset_id == self.dataset_id))

    def open(
        self,
        target: Target,
        request: Request,
        transform: CrsTransform | None,
        field_types: Mapping[str, str],
        *,
        kind: str = "footprint",
        use_weak_key: bool = False,
        crs: str | None = None,
        axes: tuple[str, str] | None = None,
        is_order_ruled: bool = False,
    ) -> Intake:
        """Return an intake for one layer of the file; adds the layer to the catalogue where it is a generic one.

        Parameters
        ----------
        crs
            The text that ``transform`` was made from.
        """
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
        recipe = Recipe(target, crs, constants(target, request), kind, use_weak_key, axes)
        self.recipes[request.layer_name] = recipe.as_json()
        return self.reopen(recipe, transform, is_order_ruled)

    def reopen(self, recipe: Recipe, transform: CrsTransform | None, is_order_ruled: bool = False) -> Intake:
        """Return an intake that works as an earlier one did."""
        intake = Intake(
            recipe,
            self.staging,
            self.seen.setdefault(recipe.target.layer_id, []),
            transform,
            self.rejected,
            self.mends,
            is_order_ruled,
            codes=CodeCheck.of(self.connection, recipe.target.layer_id),
        )
        self.intakes.append(intake)
        return intake

    def finish(self) -> WriteResult:
        """Merge what was staged; raises InvalidFile where no row of the file lies on earth."""
        for intake in self.intakes:
            intake.take_mended()
        self._refuse_misplaced()
        self._refuse_shifted()
        result = WriteResult(rejected=self.rejected, notes=self.notes, recipes=self.recipes)
        for intake in self.intakes:
            layer_id, table_name = intake.target.layer_id, intake.target.table_name
            if layer_id not in result.layers:
                self.staging.add(table_name, intake.staged_columns(), ())
                result.layers[layer_id] = self.staging.merge(table_name, layer_id)
            _add(result.layers[layer_id], intake)
            result.mended += [replace(mend.origin, mended=mend.content()) for mend in intake.mended]
            result.notes += intake.notes()
        boxes = [box for intake in self.intakes for box in intake.boxes]
        if boxes:
            corners = np.array(boxes)
            low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
            result.bounds = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        return result

    def _refuse_shifted(self) -> None:
        """Let the import wait where longitudes and latitudes look like those of web maps."""
        samples: dict[str, list[Sample]] = {}
        for intake in self.intakes:
            if is_doubtful(intake.transform):
                samples.setdefault(intake.target.layer_id, []).append(intake.sample)
                claimed = intake.transform.source if intake.transform else None
        if samples and claimed:
            refuse_shifted(self.connection, samples, name_of(claimed))

    def _refuse_misplaced(self) -> None:
        first = self.rejected.first
        if (
            first is None
            or any(intake.staged for intake in self.intakes)
            or not self.rejected.reasons.keys() <= _MISPLACED
        ):
            return
        remedy = (
            "exchange the columns (or the coordinates) at the source"
            if "swapped_axes" in self.rejected.reasons
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


def _add(counts: LayerCounts, intake: Intake) -> None:
    counts.read += intake.counts.quarantined
    counts.quarantined += intake.counts.quarantined
    counts.repaired += intake.counts.repaired
    counts.mended += len(intake.mended)
