"""From where a request comes: this machine, and this origin."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from cim.errors import Forbidden

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip")


@lru_cache(maxsize=1024)
def is_loopback(address: str) -> bool:
    """Tell whether an IP address (or 'localhost') is this machine's own."""
    if address == "localhost":
        return True
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return found.is_loopback


def is_local_client(scope: Scope, headers: Headers) -> bool:
    """Tell whether the request was made on this machine; one that a proxy passes on was not."""
    client = scope.get("client")
    if client is None or any(name in headers for name in PROXY_HEADERS):
        return False
    return is_loopback(client[0])


def has_loopback_name(headers: Headers) -> bool:
    """Tell whether the Host header names this machine: a page whose own name was rebound to 127.0.0.1 does not."""
    try:
        return urlsplit("//" + headers.get("host", "")).hostname in LOOPBACK_NAMES
    except ValueError:
        return False


def require_same_origin(scope: Scope, headers: Headers) -> None:
    """Refuse a change that another site's page asks the browser for.

    Browsers send Origin (and Sec-Fetch-Site) with such requests; programs send neither and are let through.

    Raises
    ------
    Forbidden
    """
    if scope["method"] in SAFE_METHODS:
        return
    site, origin = headers.get("sec-fetch-site", "none"), headers.get("origin")
    try:
        foreign = origin is not None and urlsplit(origin).netloc != headers.get("host", "")
    except ValueError:
        foreign = True
    if foreign or site not in ("same-origin", "none"):
        raise Forbidden(
            "a page of another origin may not change anything here; send the key as a Bearer token", "another_origin"
        )
