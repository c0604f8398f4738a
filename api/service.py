"""All that a running service holds: settings, connections, what it remembers, and the bounds on its work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.concurrency import iterate_in_threadpool

from api.auth import KeyRing
from api.built import BuiltBodies
from api.gate import Gate
from api.intake import Intake
from api.live import LiveEvent, LiveHub
from api.metrics import Metrics
from api.observation_intake import ObservationIntake
from api.tile_builds import TileBuilds
from api.tile_cache import TileCache
from api.tile_shelf import TileShelf
from api.track_notices import TrackNotices
from api.versions import LayerVersions
from api.webhook_sender import WebhookSender
from cim import schema
from cim.db import make_async_engine, make_engine, make_read_pool
from cim.errors import CimError
from cim.settings import Settings
from layers.catalogue import LayerRow
from layers.live.cameras.kept import Ground
from layers.live.cameras.renew import announce_missing, renew_some
from layers.live.events.incoming import Incoming
from layers.live.events.intake import AT_ONCE as EVENTS_AT_ONCE
from layers.live.events.intake import Taken, take_in
from layers.live.events.states import remind
from layers.live.sensors.observe import observe
from layers.live.tracks.days import forget_old
from layers.live.tracks.incoming import Position
from layers.live.tracks.positions import AT_ONCE as POSITIONS_AT_ONCE
from layers.live.tracks.positions import Kept, take_positions
from layers.live.tracks.tell import tell_moved
from layers.live.webhooks.deliveries import forget_told
from layers.queries.kept_receipts import forget_receipts
from tiles.keeper import Keeper
from tiles.overview import is_made_of_sums
from tiles.settle import settle
from tiles.store import Body, Place, note_asked, warm_up
from tiles.tile import Envelope

P = ParamSpec("P")
T = TypeVar("T")

POOL_SIZE = 8
QUERIES = 2
COMPUTING = 4
TILE_READS = 8
TILES_AT_ONCE = 4
TILE_BYTES = 96 * 1024 * 1024
MODEL_BYTES = 64 * 1024 * 1024
#: Every so often the store is told which tiles are looked at.
ASKED_EVERY_S = 5.0
#: So late a clock may ring.
REMIND_EVERY_S = 5.0
#: So often is looked for viewsheds that no longer hold; with some at hand, it rests so many times as long as it works.
RENEW_EVERY_S, RENEW_REST = 5.0, 3
#: Every so often what has had its time is dropped.
FORGET_EVERY_S = 3600.0


class Service:
    """The composition of one server process; functions of lower packages are run through it."""

    def __init__(self, settings: Settings, url: str) -> None:
        self.settings = settings
        self.engine: AsyncEngine = make_async_engine(
            url, pool_size=POOL_SIZE, statement_timeout_s=settings.statement_timeout_s
        )
        self._thread_engine: Engine = make_engine(
            url, pool_size=QUERIES + COMPUTING, statement_timeout_s=settings.statement_timeout_s
        )
        self.ground = Ground(settings.files, settings.metric_crs)
        self.metrics = Metrics()
        self.keys = KeyRing(self.engine)
        self.versions = LayerVersions(self.read)
        self.tiles = TileShelf(TILE_BYTES, self.metrics.bodies)
        self.tile_reads = make_read_pool(
            url, size=TILE_READS, statement_timeout_s=settings.statement_timeout_s, prepare=warm_up
        )
        # Fewer than the pool has, so that stored tiles are read while others are built.
        self.tile_builds = TileBuilds(self.tile_reads, Gate(TILES_AT_ONCE, waiting=512, patience_s=20))
        self.keeper = Keeper(make_engine(url, pool_size=3))
        self.bodies = TileCache(MODEL_BYTES)
        self.built = BuiltBodies(self.bodies, self.metrics.bodies)
        self.live = LiveHub(url, self._on_live)
        self.query_gate = Gate(QUERIES, waiting=16, patience_s=10)
        self.events: Intake[Incoming, Taken] = Intake(
            lambda events, actor: self.write(take_in, events, actor=actor), at_once=EVENTS_AT_ONCE, noun="events"
        )
        self.tracks: Intake[Position, Kept] = Intake(self._take_positions, at_once=POSITIONS_AT_ONCE, noun="positions")
        self._notices = TrackNotices(lambda units: self.write(tell_moved, units))
        self._webhooks = WebhookSender(self.write, settings.webhook_targets)
        self.observations = ObservationIntake(
            lambda readings, caller, is_told: self.write(observe, readings, caller, is_told=is_told)
        )
        self.compute_gate = Gate(COMPUTING, waiting=128, patience_s=20)
        self._writing: set[asyncio.Task[Any]] = set()

    async def read(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a read of the model on a connection of its own."""
        async with self.engine.connect() as connection:
            return await connection.run_sync(function, *args, **kwargs)

    async def tile(self, row: LayerRow, place: Place, form: bytes) -> Body:
        """Return a tile of one layer, stored or built from the model and kept.

        Raises
        ------
        Busy, DatabaseUnavailable
        """
        found = await self.tile_builds.find(row, place, form)
        if found.body is not None:
            self.metrics.bodies.labels(found.source).inc()
            return found.body
        self.metrics.bodies.labels("built").inc()
        if is_made_of_sums(row, place.tile.z):
            # Sums are of what was settled; somebody who asks right after an import is not to find nothing.
            await self.write(settle)
        return await self.tile_builds.build(row, place, form)

    async def query(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a heavy read in a thread; only a few run at once."""
        async with self.query_gate.enter():
            return await self._in_thread(function, *args, **kwargs)

    async def compute(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a read that also computes for a while, in a thread, so that other requests go on."""
        async with self.compute_gate.enter():
            return await self._in_thread(function, *args, **kwargs)

    async def write(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a change of the model in a transaction of its own, in a thread."""

        def run() -> T:
            with self._thread_engine.begin() as connection:
                return function(connection, *args, **kwargs)

        async with self.compute_gate.enter():
            writing = asyncio.create_task(asyncio.to_thread(run))
            self._writing.add(writing)
            writing.add_done_callback(self._writing.discard)
            # A thread cannot be stopped: who no longer waits for it leaves it to be waited for at the end.
            return await asyncio.shield(writing)

    async def _in_thread(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        def run() -> T:
            with self._thread_engine.connect() as connection:
                return function(connection, *args, **kwargs)

        return await asyncio.to_thread(run)

    async def stream(
        self, function: Callable[Concatenate[Connection, P], Generator[bytes]], *args: P.args, **kwargs: P.kwargs
    ) -> AsyncIterator[bytes]:
        """Yield what a read makes piece by piece, all of one state of the database, in a thread."""

        def run() -> Generator[bytes]:
            with self._thread_engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
                yield from function(connection, *args, **kwargs)

        async with self.compute_gate.enter():
            pieces = run()
            try:
                async for piece in iterate_in_threadpool(pieces):
                    yield piece
            finally:
                # Who no longer reads lets go of the connection.
                await asyncio.shield(asyncio.to_thread(pieces.close))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Check the database, listen to it, and let go of everything at the end."""
        loops: list[asyncio.Task[None]] = []
        try:
            await self.read(schema.require_ready)
            await self.tile_reads.open()
            await self.live.start()
            self.keeper.start()
            loops = [
                asyncio.create_task(loop)
                for loop in (
                    self._note_asked(),
                    self._remind(),
                    self._forget(),
                    self._renew_viewsheds(),
                    self._notices.run(),
                    self._webhooks.run(),
                )
            ]
            yield
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            if loops:
                await asyncio.to_thread(self.keeper.stop)
            await self.events.stop()
            await self.observations.stop()
            await self.tracks.stop()
            await asyncio.gather(*self._writing, return_exceptions=True)
            await self.live.stop()
            await self.tile_builds.stop()
            await self.tile_reads.close()
            await self.engine.dispose()
            self._thread_engine.dispose()

    def measure(self) -> None:
        """Bring the gauges up to date."""
        pool = self.engine.pool
        self.metrics.tile_bytes.set(self.tiles.size_bytes + self.bodies.size_bytes)
        self.metrics.listeners.set(self.live.listeners)
        self.metrics.pool_size.set(POOL_SIZE)
        self.metrics.pool_in_use.set(getattr(pool, "checkedout", lambda: 0)())

    def _on_live(self, event: LiveEvent | None) -> None:
        if event is None:
            self.versions.forget()
            self.tiles.clear()
        elif event.kind == "layer":
            self.versions.hear(event.data)
        elif event.kind == "event":
            self._webhooks.wake()
        elif event.kind == "tiles":
            self.tiles.drop(str(event.data["layer"]), [Envelope(*box) for box in event.data["boxes"]])

    async def _remind(self) -> None:
        """Look now and then whose time has run out; several processes do not tell it twice."""
        while True:
            await asyncio.sleep(REMIND_EVERY_S)
            with suppress(CimError, SQLAlchemyError):
                await self.write(remind)

    async def _take_positions(self, positions: Sequence[Position], _actor: str) -> list[Kept]:
        kept = await self.write(take_positions, positions)
        self._notices.note(kept)
        return kept

    async def _forget(self) -> None:
        """Drop positions, deliveries and receipts that have had their time."""
        while True:
            for forget in (forget_old, forget_told, forget_receipts):
                with suppress(CimError, SQLAlchemyError):
                    await self.write(forget)
            await asyncio.sleep(FORGET_EVERY_S)

    async def _renew_viewsheds(self) -> None:
        """Make anew what cameras see where something changed, a few at a time: who waits for an answer goes first."""
        pause = RENEW_EVERY_S
        while True:
            await asyncio.sleep(pause)
            began, made = time.monotonic(), 0
            with suppress(CimError, SQLAlchemyError):
                await self.write(announce_missing, self.ground)
                made = await self.write(renew_some, self.ground)
            pause = RENEW_REST * (time.monotonic() - began) if made else RENEW_EVERY_S

    async def _note_asked(self) -> None:
        """Tell the store now and then which tiles are looked at, so that these are rebuilt first."""
        while True:
            await asyncio.sleep(ASKED_EVERY_S)
            asked, self.tiles.asked = self.tiles.asked, set()
            if asked:
                with suppress(CimError, SQLAlchemyError):
                    await self.write(note_asked, sorted(asked))
