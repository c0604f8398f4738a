"""Building tiles in bulk: what is stored already stays, so that it can be broken off and taken up again."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from cim.access import Caller
from cim.dask_cluster import cluster_client
from cim.db import make_engine
from cim.errors import NotFound
from cim.orphan import end_with_parent
from layers.catalogue import LayerRow, get_layer
from tiles.coverage import along_hilbert, kept_tiles, shown_tiles
from tiles.mvt import area_of, layer_table
from tiles.settle import settle
from tiles.store import build_and_keep
from tiles.tile import Envelope, Tile

#: Tiles of one job: long enough to be worth sending, short enough to show progress.
CHUNK = 32


class Zooms(NamedTuple):
    """The first and the last zoom."""

    first: int
    last: int


class Job(NamedTuple):
    """Tiles of one layer for the readers of one area (empty: all)."""

    layer_id: str
    area: str
    tiles: tuple[Tile, ...]


def plan(
    connection: Connection, rows: Sequence[LayerRow], zooms: Zooms | None, within: Envelope | None, caller: Caller
) -> list[Job]:
    """Return what is to be built: tiles that show something and are not stored, or hold no more.

    Parameters
    ----------
    zooms
        By default those of each layer in the catalogue.
    within
        In EPSG:3857; by default everywhere.
    """
    settle(connection)
    jobs = []
    for row in rows:
        if layer_table(row) is None:
            continue
        area = area_of(row, caller)
        first, last = zooms or Zooms(row.min_zoom, row.max_zoom)
        kept = kept_tiles(connection, row, area)
        for zoom in range(max(first, row.min_zoom), last + 1):
            wanted = sorted(shown_tiles(connection, row, zoom, caller, within) - kept, key=along_hilbert)
            jobs += [Job(row.id, area, tuple(wanted[n : n + CHUNK])) for n in range(0, len(wanted), CHUNK)]
    return jobs


def build(engine: Engine, jobs: Sequence[Job], *, workers: int, dask_address: str | None = None) -> Iterator[int]:
    """Build what was planned; yields the number of tiles as they are done."""
    url = engine.url.render_as_string(hide_password=False)
    if dask_address:
        with cluster_client(dask_address) as (distributed, client):
            for future in distributed.as_completed([client.submit(build_job, url, job, pure=False) for job in jobs]):
                yield future.result()
    elif workers < 2 or len(jobs) < 2:
        for job in jobs:
            yield build_job(url, job)
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, end_with_parent, (signal.SIGKILL,)) as pool:
            for done in as_completed([pool.submit(build_job, url, job) for job in jobs]):
                yield done.result()


def build_job(url: str, job: Job) -> int:
    """Build the tiles of a job and return how many there are; a layer that is gone has none."""
    caller = Caller("admin", job.area or None)
    engine = make_engine(url, pool_size=1)
    try:
        with engine.connect() as connection:
            row = get_layer(connection, job.layer_id, caller)
            connection.rollback()
            for place in job.tiles:
                build_and_keep(connection, row, place, caller)
    except NotFound:
        return 0
    finally:
        engine.dispose()
    return len(job.tiles)
