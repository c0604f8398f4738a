"""Sends what waits in the outbox, several deliveries at a time; several processes do not send one twice."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
from sqlalchemy.exc import SQLAlchemyError

from cim.errors import CimError
from layers.live.webhooks.deliveries import Delivery, claim, finish
from layers.live.webhooks.send import send as send_one
from layers.live.webhooks.send import sending_client
from layers.live.webhooks.target import Networks, Resolve

log = logging.getLogger("api.webhooks")

AT_ONCE = 16
#: So late it is seen that one is due again.
EVERY_S = 2.0

Write = Callable[..., Awaitable[Any]]


class WebhookSender:
    """The loop that sends.

    Parameters
    ----------
    write
        Runs a function on a connection in a transaction of its own.
    allowed
        Networks that targets may be in though they are not public.
    resolve
        Resolves names instead of the system.
    """

    def __init__(self, write: Write, allowed: Networks, resolve: Resolve | None = None) -> None:
        self._write = write
        self._allowed = allowed
        self._resolve = resolve
        self._sending: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look at once: something may have been written."""
        self._woken.set()

    async def run(self) -> None:
        """Send, for ever; what is being sent when this is cancelled is sent again later."""
        async with sending_client() as client:
            try:
                while True:
                    self._woken.clear()
                    await self._begin(client)
                    await self._rest()
            finally:
                for task in self._sending:
                    task.cancel()
                await asyncio.gather(*self._sending, return_exceptions=True)

    async def _begin(self, client: httpx.AsyncClient) -> None:
        """Take what is due, as much as can be sent at once."""
        free = AT_ONCE - len(self._sending)
        if free <= 0:
            return
        with suppress(CimError, SQLAlchemyError):
            for delivery in await self._write(claim, free):
                self._sending.add(asyncio.create_task(self._send(client, delivery)))

    async def _rest(self) -> None:
        """Wait until something has been sent or is to be."""
        waking = asyncio.create_task(self._woken.wait())
        done, _ = await asyncio.wait({waking, *self._sending}, timeout=EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        waking.cancel()
        self._sending -= done

    async def _send(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        outcome = await send_one(client, delivery, self._allowed, self._resolve)
        if outcome.error is not None:
            log.info("webhook %d, attempt %d: %s", delivery.webhook_id, delivery.attempts, outcome.error)
        # Without this it is sent again once the lease is over: a receiver knows it by its key.
        with suppress(CimError, SQLAlchemyError):
            await self._write(finish, delivery, outcome)
