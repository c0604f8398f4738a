"""One delivery sent: signed, to the very address that was checked, within a time, without following anybody."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import httpx

from cim.errors import CimError
from layers.live.webhooks.deliveries import Delivery, Outcome
from layers.live.webhooks.signature import HEADER, sign
from layers.live.webhooks.target import Address, Networks, Resolve, Target, addresses_of, parse_target

TIME_LIMIT_S = 10.0
CONNECT_S = 4.0


@asynccontextmanager
async def sending_client() -> AsyncIterator[httpx.AsyncClient]:
    """Give a client for deliveries, which trusts the system's authorities."""
    # It would write every address into the log, and some addresses are secrets.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # A kept connection is known by its address only: the next target there may be another host, never verified.
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(
        verify=await asyncio.to_thread(ssl.create_default_context),
        # A proxy of the environment would resolve the name again.
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(TIME_LIMIT_S, connect=CONNECT_S),
        limits=limits,
    ) as client:
        yield client


async def send(
    client: httpx.AsyncClient,
    delivery: Delivery,
    allowed: Networks,
    resolve: Resolve | None = None,
    *,
    time_limit_s: float = TIME_LIMIT_S,
) -> Outcome:
    """Send a delivery; whatever goes wrong is told in the outcome. Any status of 200 to 299 is an acceptance."""
    try:
        # The client's limits are for each step; who sends a byte a second would never come to an end.
        async with asyncio.timeout(time_limit_s):
            target = parse_target(delivery.url)
            addresses = await addresses_of(target, allowed, resolve)
            status = await _post(client, target, addresses, delivery)
    except TimeoutError:
        return Outcome(None, f"no answer within {time_limit_s:g} s")
    except CimError as error:
        return Outcome(None, str(error))
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Outcome(None, f"{type(error).__name__}: {error}"[:200])
    if 200 <= status < 300:
        return Outcome(status, None)
    reason = "redirects are not followed" if 300 <= status < 400 else "it takes 200 to 299 to be delivered"
    return Outcome(status, f"the target answered {status}; {reason}")


async def _post(client: httpx.AsyncClient, target: Target, addresses: list[Address], delivery: Delivery) -> int:
    """Return the status of the first address that can be connected to."""
    for address in addresses[:-1]:
        try:
            return await _post_to(client, target, address, delivery)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            continue
    return await _post_to(client, target, addresses[-1], delivery)


async def _post_to(client: httpx.AsyncClient, target: Target, address: Address, delivery: Delivery) -> int:
    body = delivery.body()
    headers = {
        "Host": target.url.netloc.decode("ascii"),
        "Content-Type": "application/json",
        "User-Agent": f"cim/{version('cim')}",
        "CIM-Delivery": str(delivery.key),
        HEADER: sign(delivery.secret, body, int(time.time())),
    }
    request = client.build_request(
        "POST",
        target.url.copy_with(host=str(address)),
        content=body,
        headers=headers,
        extensions={"sni_hostname": target.host},
    )
    answer = await client.send(request, stream=True)
    # Only the status counts: a body could be without end.
    await answer.aclose()
    return answer.status_code
