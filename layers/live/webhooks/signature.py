"""The signature of a delivery: whoever has the secret knows that it came from here, and when."""

from __future__ import annotations

import hashlib
import hmac
import secrets

HEADER = "CIM-Signature"


def new_secret() -> str:
    """Return a secret of 256 random bits."""
    return "whsec_" + secrets.token_urlsafe(32)


def sign(secret: str, body: bytes, at: int) -> str:
    """Return the value of the header: HMAC-SHA256 over the time (Unix seconds), a full stop and the body."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
