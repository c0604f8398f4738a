"""Many files at once: models side by side in processes of this machine, or on a Dask cluster; the rest in turn.

Models are what takes long, and each is a world of its own. Files of other kinds fill the same few layers and are
quick: they go one after another, before the models, so that these find the footprints that they belong to.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from cim import db
from cim.dask_cluster import cluster_client
from cim.errors import InvalidFile
from cim.importing import ImportContext, Importer, ImportOptions, import_paths, import_source, importers, silent
from cim.orphan import end_with_parent
from cim.reports import ImportReport
from cim.settings import read_settings
from cim.sources import Source, gather

_FILES = ("place", "mapping")


@dataclass(frozen=True)
class Job:
    """One file or archive of models to import elsewhere."""

    path: str
    options: dict[str, Any]
    url: str
    importers: tuple[str, ...]


def import_batch(
    engine: Engine, paths: Sequence[Path], context: ImportContext, known: Sequence[Importer] | None = None
) -> Iterator[ImportReport]:
    """Import every file below the paths and yield a report each; never stops half-way.

    Models go to the cluster at ``settings.dask_address``, else to ``options.workers`` processes where there are
    several of both; one model alone has all the workers for its geometry.

    Raises
    ------
    InvalidSetting
        If no cluster answers at the address.
    """
    found = list(known) if known is not None else importers()
    with ExitStack() as stack:
        sources = list(gather(paths, stack))
        apart = _models(sources, found)
        address = context.settings.dask_address
        if not address and (len(apart) < 2 or context.options.workers < 2):
            apart = []
        for source in sources:
            if isinstance(source, InvalidFile):
                yield ImportReport("", str(source).split("'")[1], "", "refused", error=source.detail)
            elif source.original not in apart:
                yield import_source(engine, source, found, context)
    if apart:
        url = engine.url.render_as_string(hide_password=False)
        names = tuple(one.name for one in found if getattr(one, "is_apart", False))
        jobs = [Job(str(path.resolve()), _plain(context.options), url, names) for path in apart]
        outcomes = _on_cluster(jobs, address) if address else _in_processes(jobs, context.options.workers)
        for done, reports in enumerate(outcomes, 1):
            context.progress("models", done, len(jobs))
            yield from reports


def _models(sources: Sequence[Source | InvalidFile], known: Sequence[Importer]) -> list[Path]:
    """Return the files and archives all of whose content can be imported apart."""
    kinds: dict[Path, list[bool]] = {}
    for source in sources:
        if isinstance(source, Source):
            importer = next((one for one in known if source.size_bytes and one.recognise(source)), None)
            kinds.setdefault(source.original, []).append(getattr(importer, "is_apart", False))
    return [path for path, apart in kinds.items() if all(apart)]


def _plain(options: ImportOptions) -> dict[str, Any]:
    # Processes share the machine's cores among models, not within one.
    values = asdict(replace(options, workers=1))
    return values | {name: str(values[name].resolve()) for name in _FILES if values[name]}


def _in_processes(jobs: Sequence[Job], workers: int) -> Iterator[list[ImportReport]]:
    left = list(jobs)
    with _pool(min(workers, len(jobs))) as pool:
        futures = {pool.submit(run_job, job): job for job in jobs}
        for future in as_completed(futures):
            if not isinstance(future.exception(), BrokenExecutor):
                left.remove(futures[future])
                yield _outcome(future, futures[future])
    # A process that is killed takes the others with it: each of what is left gets a process of its own.
    for job in left:
        with _pool(1) as pool:
            yield _outcome(pool.submit(run_job, job), job)


def _pool(size: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        size, mp_context=get_context("spawn"), initializer=end_with_parent, initargs=(signal.SIGKILL,)
    )


def _outcome(future: Future[list[ImportReport]], job: Job) -> list[ImportReport]:
    try:
        return future.result()
    except BrokenExecutor:
        return [_refused(job, "the process that imported it was killed; it may need more memory than there is")]


def _on_cluster(jobs: Sequence[Job], address: str) -> Iterator[list[ImportReport]]:
    with cluster_client(address) as (distributed, client):
        futures = {client.submit(run_job, job, pure=False): job for job in jobs}
        for future in distributed.as_completed(futures):
            try:
                yield future.result()
            except distributed.KilledWorker:
                yield [
                    _refused(futures[future], "the Dask workers that imported it were killed; give them more memory")
                ]


#: The parser's log and the geometry workers belong to the process: one file at a time, however many threads it has.
_ONE_AT_A_TIME = threading.Lock()


def run_job(job: Job) -> list[ImportReport]:
    """Import one file or archive in this process, with its own settings; the job's database where they name none."""
    path = Path(job.path)
    files = {name: Path(job.options[name]) for name in _FILES if job.options[name]}
    unseen = [one.name for one in (path, *files.values()) if not one.is_file()]
    if unseen:
        return [
            _refused(
                job,
                f"the worker on '{socket.gethostname()}' cannot read '{unseen[0]}'; workers need the same folders at "
                "the same paths, such as a shared file system",
            )
        ]
    settings = read_settings()
    url = db.database_url(settings) if settings.database_url else job.url
    with _ONE_AT_A_TIME:
        engine = db.make_engine(url, pool_size=2)
        try:
            context = ImportContext(ImportOptions(**(job.options | files)), settings, silent)
            return list(import_paths(engine, [path], context, _own_importers(job.importers)))
        finally:
            engine.dispose()


@cache
def _own_importers(names: tuple[str, ...]) -> tuple[Importer, ...]:
    """Return this process's importers: they keep their geometry workers from file to file."""
    return tuple(importers(names))


def _refused(job: Job, error: str) -> ImportReport:
    name = Path(job.path).name
    return ImportReport(job.options["dataset"] or name, name, "", "refused", error=f"'{name}': {error}")
