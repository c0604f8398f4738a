"""The viewsheds of a whole city, block by block in processes; what is kept already stays, so it can be broken off."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import NamedTuple

from sqlalchemy import Engine

from cim.db import make_engine
from cim.orphan import end_with_parent
from layers.live.cameras.camera import cameras_of
from layers.live.cameras.kept import Ground, announce, blocks, mark_all, refresh, select_to_do


class Plan(NamedTuple):
    """Ids of cameras, block by block."""

    blocks: list[list[int]]

    @property
    def total(self) -> int:
        """How many cameras there are."""
        return sum(map(len, self.blocks))


def plan_viewsheds(engine: Engine, metric_crs: str, *, anew: bool = False) -> Plan:
    """Return the viewsheds that are missing or marked, announced.

    Parameters
    ----------
    anew
        All of them.
    """
    with engine.begin() as connection:
        if anew:
            mark_all(connection)
        cameras = cameras_of(connection.execute(select_to_do()).all(), metric_crs)
        announce(connection, cameras, metric_crs)
    return Plan(blocks(cameras))


def compute_viewsheds(engine: Engine, ground: Ground, plan: Plan, *, workers: int) -> Iterator[int]:
    """Compute and keep what was planned; yields the number of cameras as they are done."""
    url = engine.url.render_as_string(hide_password=False)
    if workers < 2 or len(plan.blocks) < 2:
        for ids in plan.blocks:
            yield compute_block(url, ground, ids)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, end_with_parent, (signal.SIGKILL,)) as pool:
        # Large blocks first, so that none is left alone at the end.
        largest_first = sorted(plan.blocks, key=len, reverse=True)
        for done in as_completed([pool.submit(compute_block, url, ground, ids) for ids in largest_first]):
            yield done.result()


def compute_block(url: str, ground: Ground, ids: Sequence[int]) -> int:
    """Compute and keep the viewsheds of one block in a transaction; return how many cameras it has."""
    engine = make_engine(url, pool_size=1)
    try:
        with engine.begin() as connection:
            refresh(connection, ground, ids)
    finally:
        engine.dispose()
    return len(ids)
