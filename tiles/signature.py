"""Signatures of files that leave the house (Ed25519, RFC 8032): who gets one can tell that it is whole and ours."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from cim.errors import InvalidFile

SUFFIX = ".sig"
KEY_NAME = "signing_key"
_PART = 1 << 20


def sign(file: Path, home: Path) -> Path:
    """Write the signature of a file beside it and return its path; the deployment's key is made where there is none."""
    key = _own_key(home / KEY_NAME)
    digest = _digest(file)
    body = {
        "file": file.name,
        "sha512": digest.hex(),
        "signature": _text(key.sign(digest)),
        "public_key": _text(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)),
    }
    target = file.with_name(file.name + SUFFIX)
    target.write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return target


def verify(file: Path, public_key: str | None = None) -> str:
    """Return the public key by which a file was signed.

    Parameters
    ----------
    public_key
        The key that is trusted, as ``sign`` writes it; without it only the file's own words are checked.

    Raises
    ------
    InvalidFile
        Where the signature is missing, or is not of this file or by this key.
    """
    told = _read(file)
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(told["public_key"])).verify(
            base64.b64decode(told["signature"]), _digest(file)
        )
    except (InvalidSignature, ValueError, KeyError, TypeError):
        raise InvalidFile(
            f"'{file.name}' is not what was signed: it was changed, or the signature is another's"
        ) from None
    if public_key is not None and told["public_key"] != public_key.strip():
        raise InvalidFile(f"'{file.name}' was signed by the key {told['public_key']}, which is not the one you trust")
    return str(told["public_key"])


def _read(file: Path) -> dict[str, Any]:
    path = file.with_name(file.name + SUFFIX)
    try:
        told = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise InvalidFile(
            f"there is no signature '{path.name}' beside '{file.name}'; ask for it with the file"
        ) from None
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        raise InvalidFile(f"'{path.name}' is no signature; ask for it once more")
    return told


def _own_key(path: Path) -> Ed25519PrivateKey:
    if path.exists():
        return Ed25519PrivateKey.from_private_bytes(path.read_bytes())
    key = Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Readable by nobody else from its first byte on.
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
    except FileExistsError:
        return _own_key(path)
    return key


def _digest(file: Path) -> bytes:
    digest = hashlib.sha512()
    with file.open("rb") as opened:
        while part := opened.read(_PART):
            digest.update(part)
    return digest.digest()


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
