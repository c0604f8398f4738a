"""Who calls: the one place where a request is let in.

With no key in the database a client on this machine is the administrator ("open on loopback"). Once a key exists it
is asked for on every path except those of ``is_public``: in ``Authorization: Bearer KEY`` or in the cookie
``cim_session``. The cookie holds the key itself: there is then no second secret to store, to share between workers or
to revoke. Scripts cannot read it (HttpOnly), and other sites' requests do not carry it (SameSite=Strict).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from http.cookies import CookieError, SimpleCookie

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.origin import has_loopback_name, is_local_client, require_same_origin
from api.single_flight import SingleFlight
from cim.access import OPEN_CALLER, Caller
from cim.errors import Forbidden, Unauthenticated
from cim.keys import any_key, find_key, hash_key

COOKIE = "cim_session"
#: A revoked key is refused after this time at the latest.
MEMORY_S = 2.0
REMEMBERED_KEYS = 4096
LONGEST_KEY = 200
PUBLIC_PATHS = frozenset({"/", "/index.html", "/icon.svg", "/favicon.ico", "/healthz", "/readyz"})


@dataclass(frozen=True)
class Access:
    """How a request was let in."""

    caller: Caller
    is_open: bool


class KeyRing:
    """The keys of the database, each look-up remembered for ``MEMORY_S``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._known: OrderedDict[bytes, tuple[float, Caller | None]] = OrderedDict()
        self._open: tuple[float, bool] = (float("-inf"), False)
        self._asking: SingleFlight[bool] = SingleFlight()
        self._looking: SingleFlight[Caller | None] = SingleFlight()

    async def is_open(self) -> bool:
        """Tell whether no valid key exists."""
        read_at, answer = self._open
        if time.monotonic() - read_at > MEMORY_S:
            answer = await self._asking.do(None, self._ask)
        return answer

    async def _ask(self) -> bool:
        async with self._engine.connect() as connection:
            answer = not await connection.scalar(any_key())
        self._open = (time.monotonic(), answer)
        return answer

    async def find(self, key: str) -> Caller | None:
        """Return the caller of a valid key."""
        if not key or len(key) > LONGEST_KEY or not key.isascii():
            return None
        digest = hash_key(key)
        read_at, caller = self._known.get(digest, (float("-inf"), None))
        if time.monotonic() - read_at > MEMORY_S:
            caller = await self._looking.do(digest, partial(self._look_up, key, digest))
        return caller

    async def _look_up(self, key: str, digest: bytes) -> Caller | None:
        async with self._engine.connect() as connection:
            row = (await connection.execute(find_key(key))).one_or_none()
        caller = Caller(row.role, row.area_code) if row else None
        self._remember(digest, caller)
        return caller

    def _remember(self, digest: bytes, caller: Caller | None) -> None:
        self._known[digest] = (time.monotonic(), caller)
        self._known.move_to_end(digest)
        if len(self._known) > REMEMBERED_KEYS:
            self._known.popitem(last=False)


def is_public(scope: Scope) -> bool:
    """Tell whether a request needs no key: liveness, the viewer's files, signing in and out."""
    path, method = scope["path"], scope["method"]
    if path == "/session":
        return method in ("POST", "DELETE")
    return method in ("GET", "HEAD") and (path in PUBLIC_PATHS or path.startswith("/assets/"))


def key_of(headers: Headers) -> tuple[str | None, bool]:
    """Return the key that a request carries, and whether it came in the cookie."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip(), False
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None, False
    return (found.value, True) if found else (None, False)


async def authenticate(scope: Scope, ring: KeyRing) -> Access:
    """Return who calls.

    Raises
    ------
    Unauthenticated, Forbidden
    """
    headers = Headers(scope=scope)
    if await ring.is_open():
        return _open_access(scope, headers)
    key, is_cookie = key_of(headers)
    if key is None:
        raise Unauthenticated
    caller = await ring.find(key)
    if caller is None:
        raise Unauthenticated("this key is not valid, or no longer; ask the operator for a new one", "key_not_valid")
    if is_cookie:
        require_same_origin(scope, headers)
    return Access(caller, is_open=False)


def _open_access(scope: Scope, headers: Headers) -> Access:
    if not is_local_client(scope, headers):
        raise Unauthenticated(
            "no key exists yet, so only this machine is served; make one with 'cim key create'", "only_this_machine"
        )
    if not has_loopback_name(headers):
        raise Forbidden(
            "as long as no key exists this service answers to localhost, 127.0.0.1 and [::1] only",
            "only_by_loopback_name",
        )
    require_same_origin(scope, headers)
    return Access(OPEN_CALLER, is_open=True)


class Gatekeeper:
    """ASGI: lets a request in with its ``access`` in the scope's state, or raises."""

    def __init__(self, app: ASGIApp, ring: KeyRing) -> None:
        self.app = app
        self.ring = ring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the public and the known."""
        if scope["type"] == "lifespan":
            pass
        elif is_public(scope):
            require_same_origin(scope, Headers(scope=scope))
        else:
            scope["state"]["access"] = await authenticate(scope, self.ring)
        await self.app(scope, receive, send)
