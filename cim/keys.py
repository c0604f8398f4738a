"""Keys of callers: random, shown once, stored as a hash, with a role and perhaps an area."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, update

from cim.errors import InvalidInput, NotFound
from cim.tables import ROLES, api_key

PREFIX_LENGTH = 12


def create_key(connection: Connection, role: str, area_code: str | None = None, note: str | None = None) -> str:
    """Store a new key and return it; it cannot be shown again."""
    if role not in ROLES:
        raise InvalidInput(f"'{role}' is not a role; use one of {', '.join(ROLES)}")
    key = "cim_" + secrets.token_urlsafe(32)
    connection.execute(
        insert(api_key).values(
            prefix=key[:PREFIX_LENGTH], hash=hash_key(key), role=role, area_code=area_code, note=note
        )
    )
    return key


def hash_key(key: str) -> bytes:
    """Return what is stored of a key. A key has 256 random bits, so that a plain SHA-256 cannot be searched."""
    return hashlib.sha256(key.encode()).digest()


def find_key(key: str) -> Select[Any]:
    """Return the statement for the valid key of this text: (id, role, area_code)."""
    return select(api_key.c.id, api_key.c.role, api_key.c.area_code).where(
        api_key.c.hash == hash_key(key), api_key.c.revoked_at.is_(None)
    )


def any_key() -> Select[Any]:
    """Return the statement that tells whether any valid key exists."""
    return select(select(api_key.c.id).where(api_key.c.revoked_at.is_(None)).exists())


def list_keys() -> Select[Any]:
    """Return the statement for all keys, newest first, without their hashes."""
    return select(
        api_key.c.id,
        api_key.c.prefix,
        api_key.c.role,
        api_key.c.area_code,
        api_key.c.note,
        api_key.c.created_at,
        api_key.c.revoked_at,
    ).order_by(api_key.c.id.desc())


def revoke_key(connection: Connection, prefix: str) -> None:
    """Revoke the key whose first letters are given."""
    found = connection.execute(
        update(api_key)
        .where(api_key.c.prefix == prefix[:PREFIX_LENGTH], api_key.c.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )
    if found.rowcount == 0:
        raise NotFound(f"no valid key begins with '{prefix[:PREFIX_LENGTH]}'; 'cim key list' shows them")
