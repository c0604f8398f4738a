"""Hashes of what a STEP file says, whatever its numbers are: two exports of one model have the same.

References are replaced by the hash of what they mean, from the leaves upwards. What points *at* geometry (styles,
colours, aspects) is hashed as if the geometry pointed at it, so that a recoloured shape is another one. Who saved the
file and when (IfcOwnerHistory) is no content.
"""

from __future__ import annotations

import re
from collections import defaultdict
from hashlib import blake2b

DIGEST_BYTES = 16

_STATEMENT = re.compile(rb"#(\d+)\s*=\s*([^;']*(?:'[^']*'[^;']*)*);")
_COMMENT = re.compile(rb"'[^']*'|/\*.*?\*/", re.DOTALL)
_REFERENCE = re.compile(rb"#(\d+)")
_STRING = re.compile(rb"'[^']*'")
_BLANK = b" \t\r\n"
_HISTORY = b"IFCOWNERHISTORY"
_FIRST, _LAST = re.compile(rb"\(\s*(#\d+)"), re.compile(rb"(#\d+)\s*\)\s*$")
#: What points at geometry or at a material, and where in the statement that stands.
_TARGETS = {
    b"IFCSTYLEDITEM": _FIRST,
    b"IFCINDEXEDCOLOURMAP": _FIRST,
    b"IFCSHAPEASPECT": _LAST,
    b"IFCMATERIALDEFINITIONREPRESENTATION": _LAST,
    b"IFCPRESENTATIONLAYERWITHSTYLE": re.compile(rb"\(\s*(#[#\d\s,]*)\)"),
}
_POINTING = re.compile(rb"(" + b"|".join(_TARGETS) + rb")\b")


class UnknownContent(Exception):
    """What is referred to is not in the file, or refers to itself."""


class ContentHash:
    """Hashes of the statements of one file by STEP id."""

    def __init__(self, data: bytes) -> None:
        if b"/*" in data:
            data = _COMMENT.sub(lambda found: b"" if found[0].startswith(b"/*") else found[0], data)
        self._bodies: dict[int, bytes] = {}
        self._pointing: dict[int, list[int]] = defaultdict(list)
        self._hashes: dict[int, bytes] = {}
        for found in _STATEMENT.finditer(data):
            number, body = int(found[1]), found[2]
            kind = _POINTING.match(body)
            if kind is not None:
                body = self._turn(number, kind[1], body)
            elif body.startswith(_HISTORY):
                body = _HISTORY
            self._bodies[number] = body

    def _turn(self, number: int, kind: bytes, body: bytes) -> bytes:
        """Note what a statement points at and return it without that."""
        found = _TARGETS[kind].search(body)
        if found is None:
            return body
        for target in _REFERENCE.findall(found[1]):
            self._pointing[int(target)].append(number)
        return body[: found.start(1)] + body[found.end(1) :]

    def whole(self) -> bytes | None:
        """Return the hash of all that the file says, in whatever order; None where it refers to nothing."""
        try:
            hashes = sorted(map(self.of, [*self._hashes, *self._bodies]))
        except UnknownContent:
            return None
        return blake2b(b"".join(hashes), digest_size=DIGEST_BYTES).digest()

    def of(self, number: int) -> bytes:
        """Return the hash of a statement and of all that it refers to.

        Raises
        ------
        UnknownContent
        """
        hashes = self._hashes
        if number in hashes:
            return hashes[number]
        path: list[int] = [number]
        opened: dict[int, tuple[bytes, list[int], list[int]]] = {}
        while path:
            current = path[-1]
            if current in hashes:
                path.pop()
                continue
            seen = opened.get(current)
            if seen is None:
                opened[current] = seen = self._parts(current)
                missing = [other for other in (*seen[1], *seen[2]) if other not in hashes]
                if missing:
                    path += missing
                    continue
            hashes[current] = self._combine(*seen)
            # The text is not asked for again, and there is a lot of it.
            del opened[current], self._bodies[current]
            path.pop()
        return hashes[number]

    def _parts(self, number: int) -> tuple[bytes, list[int], list[int]]:
        """Return the text without references, the references, and what points here."""
        body = self._bodies.get(number)
        if body is None:
            raise UnknownContent(f"#{number}")
        if b"'" in body and b"#" in body:
            body = _STRING.sub(lambda found: found[0].replace(b"#", b"\0"), body)
        pieces = _REFERENCE.split(body)
        text = b"#".join(pieces[::2]).translate(None, _BLANK)
        return text, [int(piece) for piece in pieces[1::2]], self._pointing.get(number, [])

    def _combine(self, text: bytes, references: list[int], pointing: list[int]) -> bytes:
        hashes = self._hashes
        total = blake2b(text, digest_size=DIGEST_BYTES)
        try:
            for reference in references:
                total.update(hashes[reference])
            if pointing:
                total.update(b"<".join([b"", *sorted(hashes[number] for number in pointing)]))
        except KeyError as error:  # a circle
            raise UnknownContent(f"#{error.args[0]}") from None
        return total.digest()
