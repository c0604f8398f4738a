"""Identifiers: layer ids from names, and keys that are stable over re-imports."""

from __future__ import annotations

import hashlib
import re
import unicodedata

_NOT_ALLOWED = re.compile(r"[^a-z0-9_]+")


def layer_id(name: str) -> str:
    """Return an id of the form ``[a-z][a-z0-9_]*`` for a layer's name; names without Latin letters get a short hash.

    >>> layer_id("Bus stops 2024")
    'bus_stops_2024'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = _NOT_ALLOWED.sub("_", plain).strip("_")
    if len(re.sub(r"[^a-z]", "", slug)) < 2:
        slug = "layer_" + hashlib.sha256(name.encode()).hexdigest()[:8]
    return slug if slug[0].isalpha() else f"layer_{slug}"


def content_key(*parts: object) -> str:
    """Return a short key of a row without a key of its own: equal content, equal key."""
    return "h" + hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:20]
