"""Bodies as they are sent and stored: gzip, quickly, because somebody waits while they are packed."""

from __future__ import annotations

from isal import igzip

#: As small as zlib's fastest level, in a fifth of its time.
LEVEL = 1


def packed(content: bytes) -> bytes:
    """Return content as gzip; the same content is always the same bytes, and nothing stays nothing."""
    return igzip.compress(content, LEVEL, mtime=0) if content else b""


def unpacked(body: bytes) -> bytes:
    """Return the content of a body."""
    return igzip.decompress(body) if body else b""  # type: ignore[no-untyped-call]
