"""Tags of versions, and what a client has already (RFC 9110, sections 8.8 and 13)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from api.auth import Access
from cim.access import Caller
from layers.catalogue import LayerRow

#: Of the form of what is built; raise it when that changes while the data does not.
FORM_VERSION = 2
#: Of answers that are of this moment only.
NO_STORE = {"Cache-Control": "no-store"}
VARY = "Authorization, Cookie, Accept-Encoding"
_REFUSES_GZIP = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*(,|$)")


def version_tag(rows: Sequence[LayerRow], caller: Caller, *more: object) -> str:
    """Return the tag of what is built from layers for what a caller may see; weak, as the order of rows may differ."""
    # The time beside the version: a database made anew counts from 1 again.
    versions = [(row.id, row.version, row.updated_at.isoformat() if row.updated_at else "") for row in rows]
    return content_tag(repr((FORM_VERSION, versions, caller.visible_levels(), caller.area_code, more)).encode())


def content_tag(content: bytes) -> str:
    """Return the weak tag of a content."""
    return 'W/"' + hashlib.blake2s(content, digest_size=12).hexdigest() + '"'


def cache_headers(tag: str, access: Access) -> dict[str, str]:
    """Return headers by which an answer may be kept for ever, as long as it is asked each time whether it holds."""
    scope = "public" if access.is_open else "private"
    return {"ETag": tag, "Cache-Control": f"{scope}, no-cache", "Vary": VARY}


def matches(if_none_match: str | None, tag: str) -> bool:
    """Tell whether a client already has this version (weak comparison)."""
    if not if_none_match:
        return False
    plain = tag.removeprefix("W/")
    return any(one.strip().removeprefix("W/") in (plain, "*") for one in if_none_match.split(","))


def takes_gzip(accept_encoding: str | None) -> bool:
    """Tell whether a gzip body may be sent: yes, unless the client lists other encodings only (section 12.5.3).

    A client that says nothing takes any encoding; those of vector tiles expect gzip.
    """
    if accept_encoding is None:
        return True
    asked = accept_encoding.lower()
    return ("gzip" in asked or "*" in asked) and not _REFUSES_GZIP.search(asked)
