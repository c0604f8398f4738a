"""Ranges of bytes that clients ask for (RFC 9110, section 14), before files are opened for them."""

from __future__ import annotations

import re
from collections.abc import Iterable

RawHeaders = list[tuple[bytes, bytes]]

_ONE_RANGE = re.compile(rb"bytes=(?:(\d{1,18})-(\d{0,18})|-\d{1,18})", re.IGNORECASE)


def without_odd_range(headers: Iterable[tuple[bytes, bytes]], method: str) -> RawHeaders:
    """Return a request's headers without a range that is not a single one of bytes, or is not of a GET.

    Who asks so gets the whole: other units have to be ignored, malformed and many ranges may be (section 14.2).
    """
    kept = list(headers)
    asked = [value for name, value in kept if name == b"range"]
    if not asked or (method == "GET" and len(asked) == 1 and _is_plain(asked[0])):
        return kept
    return [header for header in kept if header[0] != b"range"]


def _is_plain(value: bytes) -> bool:
    found = _ONE_RANGE.fullmatch(value.strip())
    return found is not None and not (found[1] and found[2] and int(found[2]) < int(found[1]))
