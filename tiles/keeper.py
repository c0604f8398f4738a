"""The one who keeps the tiles: marks what has changed as soon as it is committed, and rebuilds it in view order.

Every server process runs a keeper; one at a time is elected by a lock of its database session, and when it goes
another takes over. Without any keeper stored tiles are right all the same, for reading them asks for changes that are
not settled; only open viewers are not told.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from threading import Event, Thread

import psycopg
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from cim.db import driver
from tiles.dirty import next_dirty, rebuild
from tiles.settle import forget_old, settle

log = logging.getLogger("tiles.keeper")

LEADER_LOCK = "cim.tiles.keeper"
#: Between two looks for an election, after an error, and for changes whose notice was lost.
PAUSE_S = 1.0
#: Changes within this time are settled together.
GATHER_S = 0.05
#: Old changes are forgotten so often.
FORGET_EVERY_S = 60.0
#: While changes go on, rebuilding rests this many times as long as it works, otherwise as long.
BUSY_REST = 5
#: Tiles that are rebuilt before the order is looked at again.
REBUILT_AT_ONCE = 2


class Keeper:
    """A thread that keeps the tiles of a database until it is told to stop; the engine is its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stop = Event()
        self._thread = Thread(target=self._run, name="tiles", daemon=True)
        self._changed_at = 0.0
        #: Whether this one is elected.
        self.is_leader = False

    def start(self) -> None:
        """Begin to keep the tiles, or to wait until the one who does is gone."""
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being done."""
        self._stop.set()
        with suppress(SQLAlchemyError), self._engine.begin() as connection:
            connection.exec_driver_sql("NOTIFY cim_tiles")  # it may be waiting for one
        self._thread.join()
        self._engine.dispose()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self._engine.connect() as session:
                    self._lead(session.execution_options(isolation_level="AUTOCOMMIT"))
            except (SQLAlchemyError, psycopg.Error) as error:
                log.warning("keeping of tiles is interrupted (%s); trying again", type(error).__name__)
            finally:
                self.is_leader = False
            self._stop.wait(PAUSE_S)

    def _lead(self, session: Connection) -> None:
        lock = select(func.pg_try_advisory_lock(func.hashtext(LEADER_LOCK)))
        if not session.execute(lock).scalar_one():
            return
        self.is_leader = True
        session.exec_driver_sql("LISTEN cim_tiles")
        over = Event()
        rebuilding = Thread(target=self._rebuild_on, args=(over,), name="tiles-rebuilt", daemon=True)
        rebuilding.start()
        try:
            self._settle_on(session)
        finally:
            over.set()
            rebuilding.join()
            session.invalidate()  # the session's lock goes with it

    def _settle_on(self, session: Connection) -> None:
        """Settle changes as they are committed."""
        forgotten = 0.0
        while not self._stop.is_set():
            with self._engine.begin() as connection:
                if settle(connection):
                    self._changed_at = time.monotonic()
                if time.monotonic() - forgotten > FORGET_EVERY_S:
                    forget_old(connection)
                    forgotten = time.monotonic()
            # Several may have come at once: all of them are settled together.
            if list(driver(session).notifies(timeout=PAUSE_S, stop_after=1)):
                self._stop.wait(GATHER_S)

    def _rebuild_on(self, over: Event) -> None:
        """Rebuild what is dirty, in view order, and not all of the time: those who wait for a tile go first."""
        while not over.is_set():
            try:
                spent = self._rebuild_some()
            except (SQLAlchemyError, psycopg.Error) as error:
                log.warning("rebuilding of tiles is interrupted (%s); trying again", type(error).__name__)
                spent = 0.0
            is_busy = time.monotonic() - self._changed_at < PAUSE_S
            over.wait(spent * (BUSY_REST if is_busy else 1) or PAUSE_S / 4)

    def _rebuild_some(self) -> float:
        """Rebuild a few dirty tiles; returns the seconds that it took, 0 where there were none."""
        began = time.monotonic()
        with self._engine.connect() as connection:
            places = next_dirty(connection, REBUILT_AT_ONCE)
            connection.rollback()
            for place in places:
                rebuild(connection, place)
        return time.monotonic() - began if places else 0.0
