"""The root element of an XML file, and what no file of ours needs: entities of its own."""

from __future__ import annotations

import re
from typing import NamedTuple

from cim.errors import InvalidFile

_PROLOGUE = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*|<!DOCTYPE[^>\[]*(?:\[.*?\])?\s*>\s*)*", re.DOTALL
)
_ROOT = re.compile(rb"<(?:[\w.-]+:)?([\w.-]+)(?:\s[^>]*)?>", re.DOTALL)


class Root(NamedTuple):
    """Local name of the root element, and its whole tag with the namespaces."""

    name: str
    tag: bytes


def root_of(head: bytes) -> Root | None:
    """Return the root element by the beginning of a file, or None where it is no XML."""
    start = _PROLOGUE.match(head)
    found = _ROOT.match(head, start.end() if start else 0)
    return Root(found[1].decode("ascii", "replace"), found[0]) if found else None


def refuse_entities(head: bytes) -> None:
    """Refuse XML that defines entities: they can blow up memory or read other files."""
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<!ENTITY" in head:
        raise InvalidFile("the XML defines entities (<!ENTITY ...>), which are not read; write them out")
