"""Rejected rows that come back mended: added to their dataset as if the file had had them right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection, Engine, Row, func, select, update

from cim.crs import CrsTransform, parse_crs, transform_between
from cim.importing import AfterImport, ImportContext
from cim.provenance import touch_layers
from cim.reports import ImportReport, Note, Rejected
from cim.tables import dataset, metadata, quarantine
from layers.sources.coordinates import points
from layers.sources.filling import Filling
from layers.sources.intake import Intake
from layers.sources.mends import Mend
from layers.sources.quarantine_file import Delivered, read_rows, restored
from layers.sources.recipe import Recipe, read_recipe
from layers.sources.transform import transform_for

#: Of the coordinates' unit: two writings of one geometry differ by less.
_SAME = 1e-9


@dataclass
class Outcome:
    """What became of the mended rows of one dataset."""

    accepted: dict[str, int]
    refused: dict[str, int]
    unchanged: int = 0


def mend_file(engine: Engine, path: Path, context: ImportContext) -> list[ImportReport]:
    """Take the mended rows of a file into their datasets, a transaction for each.

    A row that was not changed stays where it is; one that is still bad stays with its new reason. Taken rows stay in
    the quarantine as resolved, and the next version of their file brings them in the same way if it has them still
    as they were.

    Raises
    ------
    InvalidFile
        If the file is none that ``cim quarantine --export`` has written.
    """
    delivered = read_rows(path)
    with engine.connect() as connection:
        names = connection.execute(
            select(quarantine.c.dataset_name).where(quarantine.c.id.in_(delivered)).distinct()
        ).scalars().all()  # fmt: skip
    return [_mend_dataset(engine, name, delivered, path.name, context) for name in sorted(names)]


def _mend_dataset(
    engine: Engine, name: str, delivered: Mapping[int, Delivered], file_name: str, context: ImportContext
) -> ImportReport:
    report = ImportReport(name, file_name, "mend", "imported")
    with engine.connect() as connection, connection.begin() as transaction:
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
        known = connection.execute(select(dataset).where(dataset.c.name == name).with_for_update()).one()
        rows = connection.execute(
            select(quarantine)
            .where(quarantine.c.dataset_name == name, quarantine.c.id.in_(delivered), ~quarantine.c.is_resolved)
            .order_by(quarantine.c.id)
        ).all()
        _mend_rows(connection, known, rows, delivered, context, report)
        if context.options.dry_run:
            transaction.rollback()
    return report


def _mend_rows(
    connection: Connection,
    known: Row[Any],
    rows: Iterable[Row[Any]],
    delivered: Mapping[int, Delivered],
    context: ImportContext,
    report: ImportReport,
) -> None:
    filling = Filling(connection, known.id, is_addition=True)
    outcome = Outcome({}, {})
    by_layer: dict[str, list[Row[Any]]] = {}
    for row in rows:
        by_layer.setdefault(row.layer_name or "", []).append(row)
    for layer_name, found in by_layer.items():
        document = known.recipes.get(layer_name)
        if document is None:
            report.notes.append(
                Note("no_recipe", f"rows of '{layer_name}' cannot be taken by themselves: import their file once more")
            )
            continue
        recipe = read_recipe(document)
        mends = [mend for row in found if (mend := _mend(row, delivered[row.id], recipe)) is not None]
        outcome.unchanged += len(found) - len(mends)
        if mends:
            _take(connection, _intake(connection, filling, known.id, layer_name, recipe), mends, outcome)
    result = filling.finish()
    after = AfterImport(known.id, report.importer, result, context, set())
    for step in sorted(entry_points(group="cim.after_import"), key=lambda entry: entry.name):
        step.load()(connection, after)
    for layer_id, count in outcome.refused.items():
        result.layers[layer_id].read += count
        result.layers[layer_id].quarantined += count
    report.layers, report.quarantined = result.layers, sum(outcome.refused.values())
    report.notes += list(dict.fromkeys(result.notes))
    if outcome.unchanged:
        report.notes.append(Note("unchanged_rows", f"{outcome.unchanged} rows are as they were and wait on"))
    _renew_report(connection, known, outcome)
    changed = [layer_id for layer_id, counts in result.layers.items() if counts.is_changed]
    touch_layers(connection, changed, known.name, result.bounds)


def _intake(connection: Connection, filling: Filling, dataset_id: int, layer_name: str, recipe: Recipe) -> Intake:
    transform = transform_for(None, recipe.crs, f"'{layer_name}'", []) if recipe.crs else None
    intake = filling.reopen(recipe, transform)
    intake.is_taken = partial(_taken, connection, dataset_id, recipe.target.table_name, recipe.target.layer_id)
    intake.has_geometry = recipe.crs is not None
    intake.layer_name = layer_name
    return intake


def _take(connection: Connection, intake: Intake, mends: list[Mend], outcome: Outcome) -> None:
    checked = intake.try_mended(mends)
    layer_id = intake.target.layer_id
    for mend, reason, detail in zip(mends, checked.reasons, checked.details, strict=True):
        this = update(quarantine).where(quarantine.c.id == mend.number)
        if reason:
            outcome.refused[layer_id] = outcome.refused.get(layer_id, 0) + 1
            connection.execute(this.values(reason=reason, detail=f"as mended: {detail}"))
        else:
            outcome.accepted[layer_id] = outcome.accepted.get(layer_id, 0) + 1
            connection.execute(this.values(is_resolved=True, mended=mend.content()))


def _renew_report(connection: Connection, known: Row[Any], outcome: Outcome) -> None:
    """Let the dataset's report say what is in it now; the identity of its rows holds on."""
    report = known.report
    for layer_id, count in outcome.accepted.items():
        counts = report.get("layers", {}).get(layer_id)
        if counts is not None:
            counts["quarantined"] -= count
            counts["added"] += count
            counts["mended"] = counts.get("mended", 0) + count
        report["quarantined"] = report.get("quarantined", 0) - count
    if outcome.accepted:
        connection.execute(update(dataset).where(dataset.c.id == known.id).values(report=report))


def _taken(connection: Connection, dataset_id: int, table_name: str, layer_id: str, keys: list[str]) -> set[str]:
    """Return those of the keys that rows of the dataset have."""
    table = metadata.tables[f"cim.{table_name}"]
    if "source_key" not in table.c:
        return set()
    statement = select(table.c.source_key).where(table.c.dataset_id == dataset_id, table.c.source_key.in_(keys))
    if "layer_id" in table.c:
        statement = statement.where(table.c.layer_id == layer_id)
    return set(connection.execute(statement).scalars())


def _mend(row: Row[Any], delivered: Delivered, recipe: Recipe) -> Mend | None:
    """Return what a person has made of a row, or None where that is nothing."""
    record = restored(delivered.record, row.record)
    before = shapely.from_wkt(row.geom_wkt) if row.geom_wkt else None
    shape = _in_rows_system(delivered, row.crs or recipe.crs)
    has_moved = not _is_same(shape, before)
    is_other = record != {name: value for name, value in row.record.items() if value is not None}
    if not has_moved and not is_other:
        return None
    if recipe.axes and not has_moved:
        shape = _point(record, recipe.axes)
    origin = Rejected(
        row.place, row.reason, row.detail, row.layer_name, row.geom_wkt, row.record, row.crs, row.fingerprint
    )
    wkt = shapely.to_wkt(shape, rounding_precision=-1) if shape is not None else None
    return Mend(origin, row.id, record, wkt, datetime.now(UTC).isoformat(timespec="seconds"))


def _in_rows_system(delivered: Delivered, crs: str | None) -> shapely.Geometry | None:
    shape = delivered.shape
    if shape is None or crs is None or delivered.crs is None or parse_crs(delivered.crs) == parse_crs(crs):
        return shape
    way: CrsTransform = transform_between(delivered.crs, crs)
    moved: shapely.Geometry = way.geometries(np.array([shape], object))[0]
    return moved


def _is_same(one: shapely.Geometry | None, other: shapely.Geometry | None) -> bool:
    if one is None or other is None:
        return one is other
    return bool(shapely.equals_exact(one, other, _SAME))


def _point(record: Mapping[str, Any], axes: tuple[str, str]) -> shapely.Geometry | None:
    cells = [np.array([record.get(name)], object) for name in axes]
    found: shapely.Geometry | None = points(*cells)[0][0]
    return found
