"""The one way a file enters the city: recognised, prepared without the database, written in one transaction.

Importers are found by the entry-point group ``cim.importers``; steps that look at the whole model after a dataset
has changed (merging buildings, connecting networks) by ``cim.after_import``.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

import orjson
from psycopg.errors import DeadlockDetected
from sqlalchemy import Connection, Engine, Row, func, select
from sqlalchemy.exc import OperationalError

from cim import local_systems, provenance
from cim.errors import CimError, InvalidFile, Outdated, TooLarge, UnknownFormat, UnplacedModel
from cim.reports import DatasetDescription, ImportReport, Note, Rejected, WriteResult
from cim.settings import Settings
from cim.sources import Source, gather


@dataclass(frozen=True)
class ImportOptions:
    """What the caller asks for; all of it is part of the dataset's checksum except the number of workers."""

    layer: str | None = None
    crs: str | None = None
    dataset: str | None = None
    place: Path | None = None
    mapping: Path | None = None
    dry_run: bool = False
    workers: int = 2

    def digest(self) -> bytes:
        """Return a hash of the options that shape the result."""
        files = [path.read_bytes() if path else b"" for path in (self.place, self.mapping)]
        # The name of an owner's system stays the same when its parameters change.
        local = local_systems.find(self.crs)
        crs = [self.crs] if local is None else [self.crs, local.description]
        return hashlib.sha256(orjson.dumps([self.layer, *crs]) + b"\0".join(files)).digest()


#: Importers beside each other may block each other in a circle; the database then ends one of them, which tries again.
ATTEMPTS = 5


#: Called with (what is being done, done so far, total or None).
Progress = Callable[[str, int, int | None], None]


def silent(step: str, done: int, total: int | None) -> None:
    """Report no progress."""


def ignore(connection: Connection) -> None:
    """Look at nothing."""


@dataclass(frozen=True)
class ImportContext:
    """All that an importer may use.

    Attributes
    ----------
    earlier
        The database where it holds an earlier version of this dataset, so that what has not changed need not be
        computed again; None where all has to be.
    inspect
        Called with the connection when a file is written, before its transaction ends.
    """

    options: ImportOptions
    settings: Settings
    progress: Progress = silent
    earlier: Engine | None = None
    inspect: Callable[[Connection], None] = ignore


class Prepared(Protocol):
    """A file that has been read (or opened, if it is streamed) and can be written.

    One with a true ``is_repeatable`` can be written again after a transaction that failed.
    """

    @property
    def description(self) -> DatasetDescription:
        """What the file says of itself."""

    def write(self, connection: Connection, dataset_id: int) -> WriteResult:
        """Write all of it in the caller's transaction."""


class Importer(Protocol):
    """Reads one family of formats.

    An importer with a true ``is_apart`` may import files of its family side by side, in processes of their own.
    One with a method ``keep`` has files beside the database: it is called with a connection, the source and the context
    when a file is in, also where it was in already, and returns notes.
    """

    name: str

    def recognise(self, source: Source) -> bool:
        """Tell by content, not by name, whether this file is of the family; must be quick and never raise."""

    def prepare(self, source: Source, context: ImportContext) -> Prepared:
        """Read the file without writing to the database; raises InvalidFile and its kin."""


@dataclass
class AfterImport:
    """What the steps after an import are told; they add to ``result``."""

    dataset_id: int
    importer: str
    result: WriteResult
    context: ImportContext
    previous_layers: set[str] = field(default_factory=set)


def importers(names: Sequence[str] | None = None) -> list[Importer]:
    """Return the importers (or those of some names), in the order in which they are asked."""
    order = ["ifc", "osm", "raster", "citymodel", "inp", "vector", "workbook", "register"]
    known = {entry.name: entry for entry in entry_points(group="cim.importers")}
    found = {name: entry for name, entry in known.items() if names is None or name in names}
    return [found[name].load()() for name in sorted(found, key=lambda n: order.index(n) if n in order else 99)]


def import_paths(
    engine: Engine, paths: Sequence[Path], context: ImportContext, known: Sequence[Importer] | None = None
) -> Iterator[ImportReport]:
    """Import every file below the paths, one transaction each; yields a report a file and never stops half-way."""
    found = list(known) if known is not None else importers()
    with ExitStack() as stack:
        for source in gather(paths, stack):
            if isinstance(source, InvalidFile):
                yield ImportReport("", str(source).split("'")[1], "", "refused", error=source.detail)
            else:
                yield import_source(engine, source, found, context)


def import_source(engine: Engine, source: Source, known: Iterable[Importer], context: ImportContext) -> ImportReport:
    """Import one file and return its report; an error of the file is in the report, any other is raised."""
    began = time.monotonic()
    name = context.options.dataset or source.name
    report = ImportReport(name, source.name, "", "refused")
    try:
        importer = recognise(source, known)
        report.importer = importer.name
        _import(engine, source, importer, context, report)
    except UnplacedModel as error:
        report.status, report.error = "waiting", error.detail
        rejected = Rejected(error.place, error.reason, error.detail, record=error.evidence)
        if not context.options.dry_run:
            with engine.begin() as connection:
                provenance.replace_quarantine(connection, name, source.name, [rejected])
        report.quarantined = 1
    except CimError as error:
        report.status, report.error = "refused", f"'{source.name}': {error.detail}"
    report.seconds = round(time.monotonic() - began, 3)
    return report


def recognise(source: Source, known: Iterable[Importer]) -> Importer:
    """Return the importer that knows this content.

    Raises
    ------
    UnknownFormat
    """
    if source.size_bytes == 0 or not source.head:
        raise InvalidFile("the file is empty; deliver it again")
    for importer in known:
        if importer.recognise(source):
            return importer
    raise UnknownFormat(
        "no importer recognises the content; taken are IFC, GeoPackage, Shapefile, GeoJSON and its sequences, "
        "FlatGeobuf, GeoParquet, KML/KMZ, GML, DXF, CityJSON, CityGML, OSM PBF, CSV and XLSX registers, EPANET and "
        "SWMM INP, GeoTIFF and HGT"
    )


def _import(engine: Engine, source: Source, importer: Importer, context: ImportContext, report: ImportReport) -> None:
    checksum = hashlib.sha256(source.digest + context.options.digest()).digest()
    with engine.connect() as connection:
        earlier = provenance.find_dataset(connection, report.dataset)
    if earlier and earlier.checksum == checksum:
        report.status = "unchanged"
    else:
        _require_same_origin(earlier, source, context, report)
        _take_in(engine, source, importer, replace(context, earlier=engine if earlier else None), checksum, report)
        report.status = "imported"
    keep = getattr(importer, "keep", None)
    if keep is not None and not context.options.dry_run:
        with engine.connect() as connection:
            report.notes += keep(connection, source, context)


def _require_same_origin(
    earlier: Row[Any] | None, source: Source, context: ImportContext, report: ImportReport
) -> None:
    if earlier and earlier.origin != source.origin and context.options.dataset is None:
        raise InvalidFile(
            f"a dataset of the name '{report.dataset}' came from another folder; if this is its new version say "
            f"--dataset '{report.dataset}', else choose another name with --dataset"
        )


def _take_in(
    engine: Engine, source: Source, importer: Importer, looking: ImportContext, checksum: bytes, report: ImportReport
) -> None:
    """Read a file and write it, again where others were in the way."""
    prepared: Prepared | None = None
    for attempt in range(1, ATTEMPTS + 1):
        prepared = prepared or importer.prepare(source, looking)
        try:
            _commit(engine, source, prepared, checksum, looking, report)
            break
        except Outdated:
            prepared, looking = None, replace(looking, earlier=None)
        except OperationalError as error:
            if not isinstance(error.orig, DeadlockDetected) or attempt == ATTEMPTS:
                raise
            prepared = prepared if getattr(prepared, "is_repeatable", False) else None
    else:
        raise Outdated


def _commit(
    engine: Engine,
    source: Source,
    prepared: Prepared,
    checksum: bytes,
    context: ImportContext,
    report: ImportReport,
) -> None:
    with engine.connect() as connection, connection.begin() as transaction:
        _write(connection, source, prepared, checksum, context, report)
        context.inspect(connection)
        if context.options.dry_run:
            transaction.rollback()


def _write(
    connection: Connection,
    source: Source,
    prepared: Prepared,
    checksum: bytes,
    context: ImportContext,
    report: ImportReport,
) -> None:
    # One writer a dataset: a second one waits and then finds its work done.
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(report.dataset, 0))))
    dataset_id, previous = provenance.record_dataset(connection, report.dataset, source, prepared.description, checksum)
    result = prepared.write(connection, dataset_id)
    provenance.remove_vanished(connection, dataset_id, previous - set(result.layers))
    after = AfterImport(dataset_id, report.importer, result, context, previous)
    context.progress("merging", 0, None)
    for step in sorted(entry_points(group="cim.after_import"), key=lambda entry: entry.name):
        step.load()(connection, after)
    report.layers, report.notes = result.layers, _unique(result.notes)
    report.quarantined = len(result.rejected)
    provenance.replace_quarantine(connection, report.dataset, source.name, result.rejected, result.mended)
    provenance.finish_dataset(connection, dataset_id, report, result)


def _unique(notes: list[Note]) -> list[Note]:
    return list(dict.fromkeys(notes))


def with_progress(context: ImportContext, progress: Progress) -> ImportContext:
    """Return the same context with another progress callback."""
    return replace(context, progress=progress)


def limit_rows(count: int, limit: int, what: str) -> None:
    """Refuse more rows than a limit (raises TooLarge)."""
    if count > limit:
        raise TooLarge(f"{count} {what}; at most {limit} are taken at once")


def evidence(error: UnplacedModel, **facts: Any) -> UnplacedModel:
    """Attach to an unplaced model the facts that a person needs to place it."""
    error.evidence = facts
    return error
