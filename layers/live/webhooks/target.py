"""Where a webhook leads: its address taken apart, its host resolved, and every address that it has checked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

import httpx

from cim.errors import CimError, InvalidInput

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]
#: Host and port -> the addresses as text.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

LONGEST = 2000
RESOLVE_S = 5.0
#: IPv6 that holds an IPv4 address in its last four bytes (RFC 6052): that one counts.
_NAT64 = ip_network("64:ff9b::/96")
#: For the network's own use (RFC 6890, RFC 7526), though the standard library takes some of it for public.
_SPECIAL = (ip_network("192.0.0.0/24"), ip_network("192.88.99.0/24"))
#: All that is given out of IPv6 (RFC 4291, 2.4); the rest is special in one way or another.
_GLOBAL_UNICAST = ip_network("2000::/3")


class ForbiddenTarget(CimError):
    """The target is not one that the service may call."""


class UnknownHost(CimError):
    """The target's host has no address."""


class Target(NamedTuple):
    """An address of which all parts are known to be sound."""

    url: httpx.URL

    @property
    def host(self) -> str:
        """The name as it is asked for: ASCII, without brackets."""
        return self.url.raw_host.decode("ascii").strip("[]")

    @property
    def port(self) -> int:
        """The port, said or that of the scheme."""
        return self.url.port or (443 if self.url.scheme == "https" else 80)


def parse_target(text: str) -> Target:
    """Return the parts of an address.

    Raises
    ------
    InvalidInput
    """
    if len(text) > LONGEST:
        raise InvalidInput(f"url has {len(text)} characters; use at most {LONGEST}")
    try:
        url = httpx.URL(text)
        # It is decoded when it is asked for.
        host = url.host
    except (httpx.InvalidURL, TypeError, ValueError):
        raise InvalidInput(f"url is '{text[:80]}', which is no address; write it like https://host/path") from None
    if url.scheme not in ("http", "https") or not host:
        raise InvalidInput(f"url is '{text[:80]}'; write it like https://host/path")
    if url.port is not None and not 0 < url.port < 65_536:
        raise InvalidInput(f"the port of url is {url.port}; use 1 to 65535")
    if url.userinfo or url.fragment:
        raise InvalidInput("url has a user, a password or a fragment; leave them out, deliveries are signed")
    return Target(url)


async def addresses_of(target: Target, allowed: Networks, resolve: Resolve | None = None) -> list[Address]:
    """Return the addresses of a target's host, each of which may be called; to be connected to as they are.

    The name is not to be resolved again: it may lead somewhere else by then.

    Raises
    ------
    UnknownHost
    ForbiddenTarget
        If a single one of them is not allowed.
    """
    try:
        async with asyncio.timeout(RESOLVE_S):
            texts = await (resolve or _resolve)(target.host, target.port)
    except (OSError, TimeoutError, UnicodeError):
        raise UnknownHost(f"the host '{target.host[:80]}' cannot be resolved") from None
    found = [ip_address(text.partition("%")[0]) for text in texts]
    if not found:
        raise UnknownHost(f"the host '{target.host[:80]}' cannot be resolved")
    for address in found:
        if not is_allowed(address, allowed):
            raise ForbiddenTarget(
                f"'{target.host[:80]}' is {address}, which is not public; CIM_WEBHOOK_NETWORKS can allow its network"
            )
    return list(dict.fromkeys(found))


async def check_target(text: str, allowed: Networks, resolve: Resolve | None = None) -> None:
    """Refuse what no webhook may lead to; it is checked again with every delivery.

    Raises
    ------
    InvalidInput
        For an address that is none, a host that has none, or one that is not allowed.
    """
    try:
        await addresses_of(parse_target(text), allowed, resolve)
    except (UnknownHost, ForbiddenTarget) as error:
        raise InvalidInput(f"url: {error}") from None


def is_allowed(address: Address, allowed: Networks) -> bool:
    """Tell whether an address is public, or in a network that the operator allows."""
    inner = _inner(address)
    if any(one in network for one in (address, inner) for network in allowed if one.version == network.version):
        return True
    return _is_public(address) and _is_public(inner)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        return address in _NAT64 or (address in _GLOBAL_UNICAST and address.is_global)
    is_special = any(address in network for network in _SPECIAL)
    return address.is_global and not (is_special or address.is_multicast or address.is_reserved)


def _inner(address: Address) -> Address:
    """Return the IPv4 address to which an IPv6 one leads in the end."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)


async def _resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
