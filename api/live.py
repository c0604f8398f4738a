"""What changes, told to every open viewer: one LISTEN connection a process, fanned out to bounded queues."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import orjson
import psycopg

from cim.db import driver_url

log = logging.getLogger("api.live")

CHANNEL = "cim_live"
QUEUE_LENGTH = 256
REPLAY_LENGTH = 512
MOST_LISTENERS = 1000
RECONNECT_S = 2.0
CONNECT_S = 10
KINDS = ("layer", "tiles", "model", "job", "event", "track", "observation", "incident")


@dataclass(frozen=True)
class LiveEvent:
    """One event; ``number`` counts up within this process."""

    number: int
    kind: str
    data: dict[str, Any]


@dataclass(eq=False)
class Listener:
    """One open stream; ``is_late`` once it did not keep up and has lost events."""

    queue: asyncio.Queue[LiveEvent | None] = field(default_factory=lambda: asyncio.Queue(QUEUE_LENGTH))
    is_late: bool = False


class LiveHub:
    """Hears the database's notices and hands them on; ``on_event`` is called with each before any listener is."""

    def __init__(self, url: str, on_event: Callable[[LiveEvent | None], None]) -> None:
        self._url = driver_url(url)
        self._on_event = on_event
        self._listeners: set[Listener] = set()
        self._recent: deque[LiveEvent] = deque(maxlen=REPLAY_LENGTH)
        self._count = 0
        self._task: asyncio.Task[None] | None = None
        self._is_listening = asyncio.Event()
        # Numbers of another process, or of this one before a restart, mean nothing here.
        self.epoch = uuid4().hex[:8]

    @property
    def listeners(self) -> int:
        """The number of open streams."""
        return len(self._listeners)

    async def start(self) -> None:
        """Begin to listen, and go on whatever happens to the database; waits a moment until nothing is missed."""
        self._task = asyncio.create_task(self._listen_on())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_listening.wait(), CONNECT_S)

    async def stop(self) -> None:
        """End the listening and every stream."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for listener in list(self._listeners):
            self._drop(listener)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[Listener]:
        """Give a queue that receives every event until the block is left."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def is_full(self) -> bool:
        """Tell whether as many streams are open as are allowed."""
        return len(self._listeners) >= MOST_LISTENERS

    def since(self, last_id: str | None) -> list[LiveEvent]:
        """Return the events after the one whose id a client saw last, as far as they are kept."""
        epoch, _, number = (last_id or "").partition("-")
        if epoch != self.epoch or not (number.isascii() and number.isdigit()):
            return []
        return [event for event in self._recent if event.number > int(number[:18])]

    def event_id(self, event: LiveEvent) -> str:
        """Return the id under which a client may ask for what came after."""
        return f"{self.epoch}-{event.number}"

    def publish(self, payload: str) -> None:
        """Hand on one notice; what is not understood is left out."""
        try:
            data = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return
        if not isinstance(data, dict) or data.get("type") not in KINDS:
            return
        self._count += 1
        event = LiveEvent(self._count, data.pop("type"), data)
        self._on_event(event)
        self._recent.append(event)
        for listener in list(self._listeners):
            self._hand(listener, event)

    def _hand(self, listener: Listener, event: LiveEvent) -> None:
        try:
            listener.queue.put_nowait(event)
        except asyncio.QueueFull:
            listener.is_late = True
            self._drop(listener)

    def _drop(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        while not listener.queue.empty():
            listener.queue.get_nowait()
        listener.queue.put_nowait(None)

    async def _listen_on(self) -> None:
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                log.warning("live notices are interrupted (%s); trying again", type(error).__name__)
            await asyncio.sleep(RECONNECT_S)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True, connect_timeout=CONNECT_S)
        async with connection:
            await connection.execute(psycopg.sql.SQL("listen {}").format(psycopg.sql.Identifier(CHANNEL)))
            # Whatever was told while nobody listened is unknown: forget all that was derived from it.
            self._on_event(None)
            self._is_listening.set()
            async for notice in connection.notifies():
                self.publish(notice.payload)
