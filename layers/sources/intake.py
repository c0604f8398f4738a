"""Rows of a file on their way into one layer: mapped, converted, checked, and staged or rejected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from cim import ids
from cim.crs import CrsTransform
from cim.reports import LayerCounts, Note, Rejected
from layers.sources import geometry
from layers.sources.batch import Batch, Values, as_json, is_none, plain_values, records
from layers.sources.convert import convert, texts, translate
from layers.sources.evidence import COLUMNS as EVIDENCE_COLUMNS
from layers.sources.guess import Target
from layers.sources.keys import SeenKeys
from layers.sources.mapping import kind_of
from layers.sources.staging import Staging

_COMMON = ("layer_id", "source_key", "cim_level", "attributes")
_FEATURE = ("name", "area_code")
_WKT_LIMIT = 100_000
_EXAMPLES = 10
_OBSERVED = ("code", "phenomenon_time", "value")


@dataclass
class Intake:
    """One layer of the model being filled from one layer of a file (or several, one after the other).

    Attributes
    ----------
    seen
        The keys of the file's earlier layers that fill the same layer of the model; that of this one is added.
    constants
        Column of the model -> value for rows whose own is missing.
    kind
        footprint | register, for what is said of buildings.
    """

    target: Target
    staging: Staging
    seen: list[SeenKeys]
    transform: CrsTransform | None = None
    constants: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "footprint"
    use_weak_key: bool = False
    rejected: list[Rejected] = field(default_factory=list)
    counts: LayerCounts = field(default_factory=LayerCounts)
    boxes: list[NDArray[np.float64]] = field(default_factory=list)
    repaired_keys: list[str] = field(default_factory=list)
    unread: dict[str, int] = field(default_factory=dict)
    staged: int = 0

    def __post_init__(self) -> None:
        self.earlier = tuple(self.seen)
        self.own = SeenKeys()
        self.seen.append(self.own)

    def take(self, batch: Batch) -> None:
        """Stage the good rows of a batch and reject the others."""
        columns, left = self._model_columns(batch)
        checked = self._check(batch)
        self._require(columns, checked)
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
        self._note_repairs(checked, kept, keys)
        self._reject(batch, checked)
        self._stage(columns, keys, attributes, wkb, kept)
        self._extend(checked.geometries[kept])

    def notes(self) -> list[Note]:
        """Return what is worth knowing of the rows so far."""
        found = []
        if self.repaired_keys:
            shown = ", ".join(self.repaired_keys[:_EXAMPLES]) + (" ..." if len(self.repaired_keys) > _EXAMPLES else "")
            found.append(
                Note("repaired", f"{self.target.layer_id}: {self.counts.repaired} polygons crossed themselves: {shown}")
            )
        found += [
            Note("unread_values", f"{self.target.layer_id}: {count} values of '{name}' could not be read; kept as text")
            for name, count in self.unread.items()
        ]
        return found

    # -- columns ------------------------------------------------------------------------------------------------

    def _model_columns(self, batch: Batch) -> tuple[dict[str, Values], dict[str, Values]]:
        """Return the columns of the model, and those of the file that are left for the attributes."""
        matched = self.target.matched
        used = set(matched.columns.values())
        if self.target.table_name != "feature":
            used.add(self._key_column() or "")
        left = {name: values for name, values in batch.columns.items() if name not in used}
        columns: dict[str, Values] = {}
        for name in matched.mapping.columns:
            source = matched.columns.get(name)
            values = batch.columns.get(source or "", np.full(len(batch), None, object))
            columns[name] = self._column(name, source, values, left)
        self._area_codes(columns)
        self._means(columns)
        return columns, left

    def _column(self, name: str, source: str | None, values: Values, left: dict[str, Values]) -> Values:
        matched = self.target.matched
        table = matched.mapping.values.get(name)
        if table:
            original = texts(values)
            values, changed = translate(original, table)
            if changed.any() and source:
                original[~changed] = None
                left[source] = original
        kind = kind_of(self.target.layer_id, self.target.table_name, name)
        converted, unread = convert(values, kind, matched.factors.get(name))
        if unread.any() and source:
            self.unread[source] = self.unread.get(source, 0) + int(unread.sum())
            originals = left.setdefault(source, np.full(len(values), None, object))
            originals[unread] = values[unread]
        if name in self.constants:
            converted[is_none(converted)] = self.constants[name]
        return converted

    def _area_codes(self, columns: dict[str, Values]) -> None:
        rule = self.target.matched.mapping.area_code
        if rule:
            columns["area_code"] = np.fromiter(
                (code[: rule["digits"]] if code else None for code in columns[rule["from"]]),
                object,
                len(columns[rule["from"]]),
            )

    def _means(self, columns: dict[str, Values]) -> None:
        for name, parts in self.target.matched.mapping.mean.items():
            values = columns[name]
            for n in np.flatnonzero(is_none(values)):
                known = [columns[part][n] for part in parts if columns[part][n] is not None]
                values[n] = sum(known) / len(known) if known else None

    # -- checks -------------------------------------------------------------------------------------------------

    def _check(self, batch: Batch) -> geometry.Checked:
        size = len(batch)
        if batch.geometries is None:
            blank = np.full(size, "", object)
            return geometry.Checked(np.full(size, None, object), blank, blank.copy(), np.zeros(size, bool))
        wanted = self.target.matched.mapping.geometry - {"none"}
        if wanted >= {"polygon", "line", "point"} or self.target.table_name in {"feature", "building_source"}:
            wanted = wanted if self.target.table_name == "building_source" else frozenset({"mixed"})
        checked = geometry.check(batch.geometries, wanted, self.transform)
        if batch.unreadable.any():
            checked.reasons[batch.unreadable] = "unreadable_geometry"
            checked.details[batch.unreadable] = "the geometry cannot be read; export it anew (curves as straight lines)"
        return checked

    def _require(self, columns: Mapping[str, Values], checked: geometry.Checked) -> None:
        """Reject rows without what a table cannot do without."""
        needed = _OBSERVED if self.target.table_name == "observation" else ()
        for name in needed:
            source = self.target.matched.columns.get(name, name)
            missing = is_none(columns[name])
            checked.reject(missing, "missing_value", f"'{source}' is missing or cannot be read")

    def _key_column(self) -> str | None:
        return self.target.matched.key or (self.target.matched.weak_key if self.use_weak_key else None)

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
        fresh = present[earlier < 0]
        return keys[fresh].tolist(), fresh

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
        columns: dict[str, Values],
        keys: list[str],
        attributes: list[str],
        wkb: list[str | None],
        kept: NDArray[np.int64],
    ) -> None:
        values = {name: column[kept].tolist() for name, column in columns.items()}
        rows: Iterable[tuple[Any, ...]]
        if self.target.table_name == "building_source":
            rows = self._evidence(values, keys, attributes, wkb)
        elif self.target.table_name == "observation":
            rows = zip(*(values[name] for name in _OBSERVED), strict=True)
        else:
            if self.target.table_name == "feature":
                attributes = _with_fields(values, attributes)
                values = {name: values.get(name, [None] * len(keys)) for name in _FEATURE}
            size = len(keys)
            common = ([self.target.layer_id] * size, keys, [self.target.matched.mapping.cim_level] * size, attributes)
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
            return (*_COMMON, "geom", *_FEATURE)
        return (*_COMMON, *(() if table_name == "unit" else ("geom",)), *self.target.matched.mapping.columns)

    def _evidence(
        self, values: dict[str, list[Any]], keys: list[str], attributes: list[str], wkb: list[str | None]
    ) -> Iterable[tuple[Any, ...]]:
        names = list(values)
        fields = (
            as_json({name: value for name, value in zip(names, row, strict=True) if value is not None})
            for row in zip(*values.values(), strict=True)
        )
        return zip(keys, [self.kind] * len(keys), values["code"], fields, attributes, wkb, strict=True)

    def _reject(self, batch: Batch, checked: geometry.Checked) -> None:
        bad = np.flatnonzero(checked.reasons != "")
        if not len(bad):
            return
        self.counts.quarantined += len(bad)
        found = records(batch.columns, bad)
        for row, record in zip(bad.tolist(), found, strict=True):
            shape = batch.geometries[row] if batch.geometries is not None else None
            wkt = shapely.to_wkt(shape, rounding_precision=-1) if shape is not None else None
            self.rejected.append(
                Rejected(
                    batch.place(int(row)),
                    checked.reasons[row],
                    checked.details[row],
                    batch.layer_name,
                    wkt if wkt is None or len(wkt) <= _WKT_LIMIT else None,
                    record,
                )
            )

    def _note_repairs(self, checked: geometry.Checked, kept: NDArray[np.int64], keys: list[str]) -> None:
        repaired = np.flatnonzero(checked.repaired[kept])
        self.counts.repaired += len(repaired)
        self.repaired_keys += [keys[n] for n in repaired[:_EXAMPLES]]

    def _extend(self, geometries: Values) -> None:
        if len(geometries):
            box = shapely.total_bounds(geometries)
            if np.isfinite(box).all():
                self.boxes.append(box)


def _with_fields(values: dict[str, list[Any]], attributes: list[str]) -> list[str]:
    """Put the mapped columns of a generic feature, which has no columns for them, into its attributes."""
    import orjson

    names = [name for name in values if name not in _FEATURE]
    if not names:
        return attributes
    return [
        as_json(orjson.loads(text) | {name: value for name, value in zip(names, row, strict=True) if value is not None})
        for text, *row in zip(attributes, *(values[name] for name in names), strict=True)
    ]
