"""Headers that keep a page from doing more than it should; each kind of answer may set a policy of its own."""

from __future__ import annotations

import base64
import hashlib
import re

#: For data: it must never be run as a page.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"

#: For the viewer and the API's page: nothing from outside; workers of the map are blobs; styles are set by scripts.
PAGE_POLICY = (
    "default-src 'self'; script-src 'self'; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", DATA_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(self)"),
)

_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc\s*=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)


def scene_policy(html: str) -> str:
    """Return the policy of a page whose own inline scripts, and no others, may run.

    The scripts are named by their SHA-256 (CSP level 3, section 6.7.3.3), so that the page needs no nonce and stays
    cacheable.
    """
    hashes = [
        "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"
        for script in _INLINE_SCRIPT.findall(html)
    ]
    return PAGE_POLICY.replace("script-src 'self'", " ".join(["script-src 'self'", *dict.fromkeys(hashes)]))


def add_missing(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers with those of the table that the answer has not set itself."""
    present = {name.lower() for name, _ in headers}
    return [*headers, *(header for header in HEADERS if header[0] not in present)]
