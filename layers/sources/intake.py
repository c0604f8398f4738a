"""Rows of a file on their way into one layer: mapped, converted, checked, and staged or rejected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from cim import ids
from cim.crs import CrsTransform
from cim.rejected_rows import RejectedRows
from cim.reports import LayerCounts, Note, Rejected
from layers.sources import geometry
from layers.sources.batch import Batch, Values, as_json, is_none, plain_values, records
from layers.sources.code_check import CodeCheck
from layers.sources.convert import texts
from layers.sources.evidence import COLUMNS as EVIDENCE_COLUMNS
from layers.sources.guess import Target
from layers.sources.keys import SeenKeys
from layers.sources.mends import Mend, Mends, batch_of
from layers.sources.model_columns import model_columns, with_fields
from layers.sources.pipe_axis import with_axis
from layers.sources.recipe import Recipe
from layers.sources.rejection import fingerprint, rejected_row
from layers.sources.shifted import Sample, is_doubtful
from layers.sources.staging import Staging

_COMMON = ("layer_id", "source_key", "cim_level", "attributes")
_FEATURE = ("name", "area_code")
_EXAMPLES = 10
_AS_MENDED = "as mended: "
_OBSERVED = ("code", "phenomenon_time", "value")


@dataclass
class Intake:
    """One layer of the model being filled from one layer of a file (or several, one after the other).

    Attributes
    ----------
    seen
        The keys of the file's earlier layers that fill the same layer of the model; that of this one is added.
    recipe
        How rows become rows of the model; ``constants`` are for rows whose own value is missing, ``kind`` is
        footprint | register, for what is said of buildings.
    rejected, mends
        Of the whole file: bad rows so far, and what became of bad rows of its earlier version.
    is_order_ruled
        The format wants outer rings counter-clockwise.
    is_taken
        Tells which keys the model has already; for rows that are added to what is there.
    """

    recipe: Recipe
    staging: Staging
    seen: list[SeenKeys]
    transform: CrsTransform | None = None
    rejected: RejectedRows = field(default_factory=RejectedRows)
    mends: Mends = field(default_factory=Mends)
    is_order_ruled: bool = False
    is_taken: Callable[[list[str]], set[str]] | None = None
    counts: LayerCounts = field(default_factory=LayerCounts)
    boxes: list[NDArray[np.float64]] = field(default_factory=list)
    repairs: Counter[str] = field(default_factory=Counter)
    repaired_keys: list[str] = field(default_factory=list)
    unread: dict[str, int] = field(default_factory=dict)
    waiting: list[Mend] = field(default_factory=list)
    mended: list[Mend] = field(default_factory=list)
    staged: int = 0
    sample: Sample = field(default_factory=Sample)
    codes: CodeCheck | None = None

    def __post_init__(self) -> None:
        self.target: Target = self.recipe.target
        self.constants = self.recipe.constants
        self.earlier = tuple(self.seen)
        self.own = SeenKeys()
        self.seen.append(self.own)
        self.has_geometry = False
        self.layer_name = self.target.title
        self.is_exported = self.target.matched.mapping.source == "export"

    def take(self, batch: Batch) -> None:
        """Stage the good rows of a batch and reject the others."""
        self.layer_name = batch.layer_name
        self.has_geometry = self.has_geometry or batch.geometries is not None
        self._reject(batch, self._take_good(batch))

    def take_mended(self) -> None:
        """Take what a person made of bad rows, after all rows of the file: their own good ones come first."""
        if not self.waiting:
            return
        mends, self.waiting = self.waiting, []
        checked = self.try_mended(mends)
        for mend, reason, detail in zip(mends, checked.reasons, checked.details, strict=True):
            if not reason:
                self.mended.append(mend)
                continue
            origin = mend.origin
            self._count_rejected(
                Rejected(origin.place, reason, _AS_MENDED + detail, origin.layer_name, origin.geom_wkt,
                         origin.record, origin.crs, origin.fingerprint)
            )  # fmt: skip

    def try_mended(self, mends: list[Mend]) -> geometry.Checked:
        """Stage mended rows and return which of them are good."""
        matched = self.target.matched
        needed = {*matched.columns.values(), matched.key, matched.weak_key} - {None}
        batch = batch_of(mends, self.layer_name, [name for name in needed if name], self.has_geometry)
        return self._take_good(batch)

    def reject_line(self, place: str, reason: str, detail: str, record: dict[str, Any]) -> None:
        """Reject a row that is none: a line that does not fit the header."""
        name = self.target.title
        crs = self.recipe.crs
        self._count_rejected(Rejected(place, reason, detail, name, None, record, crs, fingerprint(name, record, None)))

    def _take_good(self, batch: Batch) -> geometry.Checked:
        """Stage the good rows; the reasons of the others are in what is returned."""
        # A generic feature keeps its key among its attributes: it may say more than an id.
        is_column = self.target.table_name != "feature" or self.is_exported
        key = self._key_column() if is_column else None
        columns, left = model_columns(batch, self.target, self.constants, key, self.unread)
        checked = self._check(batch)
        if self.target.table_name == "pipe":
            checked.geometries = with_axis(checked.geometries, columns)
        self._require(columns, checked)
        if self.codes is not None:
            self.codes.check({**batch.columns, **columns}, checked)
        own_keys = self._own_keys(batch, columns)
        kept = np.flatnonzero(checked.reasons == "")
        found = records(left, kept)
        if batch.extra is not None:
            found = [batch.extra[row] | record for row, record in zip(kept.tolist(), found, strict=True)]
        attributes = [as_json(record) for record in found]
        wkb = self._wkb(batch, checked, kept)
        if own_keys is None:
            keys = self._content_keys(columns, attributes, wkb, kept, batch)
        else:
            keys, fresh = self._first_of_each(own_keys, batch, checked, kept)
            attributes = [attributes[n] for n in fresh]
            wkb = [wkb[n] for n in fresh]
            kept = kept[fresh]
        self._note_repairs(batch, checked, kept, keys)
        self._stage(batch, columns, keys, attributes, wkb, kept)
        self._extend(checked.geometries[kept])
        return checked

    def notes(self) -> list[Note]:
        """Return what is worth knowing of the rows so far."""
        found = []
        if self.repairs:
            shown = ", ".join(self.repaired_keys[:_EXAMPLES]) + (" ..." if self.counts.repaired > _EXAMPLES else "")
            kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.repairs.items()))
            found.append(
                Note("repaired", f"{self.target.layer_id}: {self.counts.repaired} rows repaired ({kinds}): {shown}")
            )
        found += [
            Note("unread_values", f"{self.target.layer_id}: {count} values of '{name}' could not be read; kept as text")
            for name, count in self.unread.items()
        ]
        return found + (self.codes.notes() if self.codes is not None else [])

    # -- checks -------------------------------------------------------------------------------------------------

    def _check(self, batch: Batch) -> geometry.Checked:
        if batch.geometries is None:
            return self._with_faults(batch, geometry.Checked.of(np.full(len(batch), None, object)))
        wanted = self.target.matched.mapping.geometry - {"none"}
        if wanted >= {"polygon", "line", "point"} or self.target.table_name in {"feature", "building_source"}:
            wanted = wanted if self.target.table_name == "building_source" else frozenset({"mixed"})
        checked = geometry.check(
            batch.geometries,
            wanted,
            self.transform,
            closed=batch.closed,
            is_order_ruled=self.is_order_ruled,
            may_collapse=batch.may_collapse,
        )
        if self.is_exported:
            # What the model has without a place comes back without one.
            checked.forgive("missing_geometry")
        if batch.unreadable.any():
            checked.reasons[batch.unreadable] = "unreadable_geometry"
            checked.details[batch.unreadable] = "the geometry cannot be read; export it anew (curves as straight lines)"
            for rows in checked.repairs.values():
                rows &= ~batch.unreadable
        return self._with_faults(batch, checked)

    @staticmethod
    def _with_faults(batch: Batch, checked: geometry.Checked) -> geometry.Checked:
        """Add what the reader knows; it says more than a geometry that is missing for that reason."""
        for row, fault in enumerate(batch.faults or ()):
            if fault is not None:
                checked.reasons[row], checked.details[row] = fault
                checked.geometries[row] = None
        return checked

    def _require(self, columns: Mapping[str, Values], checked: geometry.Checked) -> None:
        """Reject rows without what a table cannot do without."""
        needed = _OBSERVED if self.target.table_name == "observation" else ()
        for name in needed:
            source = self.target.matched.columns.get(name, name)
            missing = is_none(columns[name])
            checked.reject(missing, "missing_value", f"'{source}' is missing or cannot be read")

    def _key_column(self) -> str | None:
        return self.target.matched.key or (self.target.matched.weak_key if self.recipe.use_weak_key else None)

    def _own_keys(self, batch: Batch, columns: Mapping[str, Values]) -> Values | None:
        if self.target.table_name == "observation":
            # The same moment with another offset is the same moment.
            pairs = zip(columns["code"], columns["phenomenon_time"], strict=True)
            moments = (f"{code} {time.timestamp()}" if code and time else None for code, time in pairs)
            return np.fromiter(moments, object, len(batch))
        column = self._key_column()
        return texts(batch.columns[column]) if column else None

    def _first_of_each(
        self, own_keys: Values, batch: Batch, checked: geometry.Checked, kept: NDArray[np.int64]
    ) -> tuple[list[str], NDArray[np.int64]]:
        """Reject rows without a key or with one that was there before; return keys and positions of the others."""
        keys = own_keys[kept]
        missing = is_none(keys)
        column = self._key_column() or " and ".join(_OBSERVED[:2])
        for n in np.flatnonzero(missing):
            checked.reasons[kept[n]] = "missing_key"
            checked.details[kept[n]] = f"the row has no '{column}', which identifies it"
        present = np.flatnonzero(~missing)
        self._qualify(keys, present, batch.layer_name)
        earlier = self.own.add(keys[present], batch.rows[kept[present]])
        for n in np.flatnonzero(earlier >= 0):
            row = kept[present[n]]
            checked.reasons[row] = "duplicate_key"
            checked.details[row] = (
                f"'{column}' {keys[present[n]]} is in row {earlier[n]} already; the first stays, row {batch.rows[row]} "
                "waits for a code of its own"
            )
        fresh = self._untaken(keys, present[earlier < 0], column, checked, kept)
        return keys[fresh].tolist(), fresh

    def _untaken(
        self, keys: Values, fresh: NDArray[np.int64], column: str, checked: geometry.Checked, kept: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Reject rows whose key a row of the model has, where rows are added to what is there."""
        taken = self.is_taken(keys[fresh].tolist()) if self.is_taken else set()
        for n in fresh:
            if keys[n] in taken:
                checked.reasons[kept[n]] = "duplicate_key"
                checked.details[kept[n]] = f"'{column}' {keys[n]} is taken by another row; give the row one of its own"
        return np.array([n for n in fresh if keys[n] not in taken], np.int64)

    def _content_keys(
        self,
        columns: Mapping[str, Values],
        attributes: list[str],
        wkb: list[str | None],
        kept: NDArray[np.int64],
        batch: Batch,
    ) -> list[str]:
        parts = [plain_values(columns[name][kept]) for name in sorted(columns)]
        keys = [ids.content_key(*row) for row in zip(attributes, wkb, *parts, strict=True)]
        names: Values = np.array(self.own.unique_names(keys, batch.rows[kept]), object)
        taken = self.is_taken(names.tolist()) if self.is_taken else set()
        for n in np.flatnonzero(np.isin(names, list(taken))) if taken else ():
            names[n] = f"{names[n]}~mended"
        self._qualify(names, np.arange(len(names)), batch.layer_name)
        return [str(name) for name in names]

    def _qualify(self, keys: Values, which: NDArray[np.int64], layer_name: str) -> None:
        """Put the network, or else the layer's name, before keys that another layer of the file has used already.

        Owners number the pipes of each network from 1, and a file may hold several networks.
        """
        prefix = self.constants.get("network", layer_name)
        for other in self.earlier:
            for n in which[other.find(keys[which]) >= 0] if len(which) else ():
                keys[n] = f"{prefix}/{keys[n]}"

    # -- writing ------------------------------------------------------------------------------------------------

    def _wkb(self, batch: Batch, checked: geometry.Checked, kept: NDArray[np.int64]) -> list[str | None]:
        if batch.geometries is None:
            return [None] * len(kept)
        found: list[str | None] = shapely.to_wkb(checked.geometries[kept], hex=True, output_dimension=3).tolist()
        return found

    def _stage(
        self,
        batch: Batch,
        columns: dict[str, Values],
        keys: list[str],
        attributes: list[str],
        wkb: list[str | None],
        kept: NDArray[np.int64],
    ) -> None:
        values = {name: column[kept].tolist() for name, column in columns.items()}
        rows: Iterable[tuple[Any, ...]]
        if self.target.table_name == "building_source":
            rows = self._evidence(values, keys, attributes, wkb, *self._solids(batch, kept))
        elif self.target.table_name == "observation":
            rows = zip(*(values[name] for name in _OBSERVED), strict=True)
        else:
            if self.target.table_name == "feature":
                attributes = with_fields(values, attributes, self._feature_columns())
                values = {name: values.get(name, [None] * len(keys)) for name in self._feature_columns()}
            size = len(keys)
            levels = values.pop("cim_level", None) or [self.target.matched.mapping.cim_level] * size
            common = ([self.target.layer_id] * size, keys, levels, attributes)
            shapes = () if self.target.table_name == "unit" else (wkb,)
            rows = zip(*common, *shapes, *values.values(), strict=True)
        self.staging.add(self.target.table_name, self.staged_columns(), rows)
        self.staged += len(keys)

    def staged_columns(self) -> tuple[str, ...]:
        """Return the names of the staged columns, the same for all batches."""
        table_name = self.target.table_name
        if table_name == "building_source":
            return EVIDENCE_COLUMNS
        if table_name == "observation":
            return _OBSERVED
        if table_name == "feature":
            return (*_COMMON, "geom", *(name for name in self._feature_columns() if name != "cim_level"))
        own = (name for name in self.target.matched.mapping.columns if name != "cim_level")
        return (*_COMMON, *(() if table_name == "unit" else ("geom",)), *own)

    def _feature_columns(self) -> tuple[str, ...]:
        return tuple(self.target.matched.mapping.columns) if self.is_exported else _FEATURE

    def _solids(self, batch: Batch, kept: NDArray[np.int64]) -> tuple[list[str | None], list[str | None]]:
        """Return the boundary surfaces of buildings in the stored CRS, and the kind of each surface."""
        if batch.solids is None or batch.surfaces is None:
            return [None] * len(kept), [None] * len(kept)
        solids = batch.solids[kept]
        there = np.flatnonzero(~shapely.is_missing(solids))
        if self.transform is not None and len(there):
            solids[there] = self.transform.geometries(solids[there])
        return shapely.to_wkb(solids, hex=True, output_dimension=3).tolist(), [batch.surfaces[row] for row in kept]

    def _evidence(
        self,
        values: dict[str, list[Any]],
        keys: list[str],
        attributes: list[str],
        wkb: list[str | None],
        solids: list[str | None],
        surfaces: list[str | None],
    ) -> Iterable[tuple[Any, ...]]:
        names = list(values)
        fields = (
            as_json({name: value for name, value in zip(names, row, strict=True) if value is not None})
            for row in zip(*values.values(), strict=True)
        )
        kinds = [self.recipe.kind] * len(keys)
        return zip(keys, kinds, values["code"], fields, attributes, wkb, solids, surfaces, strict=True)

    def _reject(self, batch: Batch, checked: geometry.Checked) -> None:
        bad = np.flatnonzero(checked.reasons != "")
        found = records(batch.columns, bad)
        for row, record in zip(bad.tolist(), found, strict=True):
            rejected = rejected_row(batch, row, record, checked.reasons[row], checked.details[row], self.recipe.crs)
            self._count_rejected(rejected, int(batch.rows[row]))

    def _count_rejected(self, row: Rejected, number: int = 0) -> None:
        """Reject a row, or let it wait where it was mended before."""
        mend = None if row.detail.startswith(_AS_MENDED) else self.mends.replace(row, number)
        if mend is not None:
            self.waiting.append(mend)
            return
        self.counts.quarantined += 1
        self.rejected.append(row)

    def _note_repairs(self, batch: Batch, checked: geometry.Checked, kept: NDArray[np.int64], keys: list[str]) -> None:
        repaired = np.flatnonzero(checked.repaired[kept])
        self.counts.repaired += len(repaired)
        self.repaired_keys += [keys[n] for n in repaired[: _EXAMPLES - len(self.repaired_keys)]]
        rows = []
        for kind, where in checked.repairs.items():
            which = np.flatnonzero(where[kept])
            if len(which):
                self.repairs[kind] += len(which)
            rows += [(self.target.layer_id, batch.layer_name, batch.place(int(kept[n])), keys[n], kind) for n in which]
        self.staging.note_repairs(rows)

    def _extend(self, geometries: Values) -> None:
        if is_doubtful(self.transform):
            self.sample.add(geometries)
        if len(geometries):
            box = shapely.total_bounds(geometries)
            if np.isfinite(box).all():
                self.boxes.append(box)
