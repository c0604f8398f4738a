"""Long work as jobs in a PostgreSQL queue, so that the service never does it and workers may be elsewhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from sqlalchemy import Connection, text

from cim.db import SEARCH_PATH, driver_url, make_engine
from cim.importing import ImportContext, ImportOptions, import_paths
from cim.reports import ImportReport
from cim.settings import Settings, read_settings
from cim.sources import gather

log = logging.getLogger("cim.jobs")
STALLED_AFTER_S = 30.0


def make_app(url: str, *, synchronous: bool = False) -> App:
    """Return the queue on a database; ``synchronous`` for callers that only add jobs."""
    kind = SyncPsycopgConnector if synchronous else PsycopgConnector
    connector = kind(conninfo=driver_url(url), kwargs={"options": f"-c search_path={SEARCH_PATH}"})
    app = App(connector=connector)
    app.task(name="import_file", queue="import", queueing_lock=None)(import_file)
    return app


def import_file(path: str, options: dict[str, Any]) -> dict[str, Any]:
    """Import one file or archive in a worker; repeating it changes nothing."""
    settings = read_settings()
    report = run_import(settings, Path(path), options)
    return {"files": len(report), "refused": sum(item.status == "refused" for item in report)}


def run_import(settings: Settings, path: Path, options: dict[str, Any]) -> list[ImportReport]:
    """Import with an engine of its own and log a line a file."""
    from cim.db import database_url

    engine = make_engine(database_url(settings), pool_size=2)
    places = {name: Path(options[name]) for name in ("place", "mapping") if options.get(name)}
    context = ImportContext(ImportOptions(**(options | places)), settings)
    try:
        reports = list(import_paths(engine, [path], context))
    finally:
        engine.dispose()
    for report in reports:
        log.info("%s %s%s", report.status, report.file, f": {report.error}" if report.error else "")
    return reports


def defer_imports(url: str, paths: Sequence[Path], options: ImportOptions) -> int:
    """Queue one job a file below the paths and return how many there are; a file already queued stays queued once."""
    values: dict[str, Any] = {
        "layer": options.layer,
        "crs": options.crs,
        "dataset": options.dataset,
        "place": str(options.place.resolve()) if options.place else None,
        "mapping": str(options.mapping.resolve()) if options.mapping else None,
        "workers": options.workers,
    }
    app = make_app(url, synchronous=True)
    count = 0
    with app.open(), ExitStack() as stack:
        originals = [s.original for s in gather(paths, stack) if not isinstance(s, Exception)]
        for original in dict.fromkeys(originals):
            path = str(original.resolve())
            try:
                app.configure_task("import_file", queueing_lock=path).defer(path=path, options=values)
            except AlreadyEnqueued:
                continue
            count += 1
    return count


def work(url: str, *, until_idle: bool) -> None:
    """Run queued jobs, one at a time: a job uses processes of its own for heavy parts."""
    asyncio.run(_work(url, until_idle=until_idle))


async def _work(url: str, *, until_idle: bool) -> None:
    app = make_app(url)
    async with app.open_async():
        await _requeue_stalled(app)
        await app.run_worker_async(concurrency=1, wait=not until_idle, install_signal_handlers=True)


async def _requeue_stalled(app: App) -> None:
    """Give jobs of workers that were killed back to the queue; imports are idempotent."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_S):
        await app.job_manager.retry_job(job)
        log.info("a stalled job was queued again")


def counts(connection: Connection) -> dict[str, int]:
    """Return the number of jobs by state."""
    rows = connection.execute(text("select status::text, count(*) from procrastinate_jobs group by 1 order by 1"))
    return {str(row[0]): int(row[1]) for row in rows}
