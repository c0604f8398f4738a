"""The header of a STEP file: which schema it claims, and by which the parser reads it."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from cim.errors import InvalidFile

HEAD_BYTES = 64 * 1024
TAIL_BYTES = 64 * 1024
SCHEMA = re.compile(rb"FILE_SCHEMA\s*\(\s*\(\s*'([^']*)'", re.IGNORECASE)
_XML = re.compile(rb"<(?:\w+:)?(?:ifcXML|iso_10303_28|uos)\b", re.IGNORECASE)
_END = re.compile(rb"END-ISO-10303-21\s*;")
#: What the parser of ifcopenshell 0.9 reads.
READABLE = ("IFC2X3", "IFC4", "IFC4X3_ADD2")


@dataclass(frozen=True)
class Header:
    """The schema as written and the nearest one that the parser reads (one of ``READABLE``)."""

    original_schema: str
    schema: str

    @property
    def is_rewritten(self) -> bool:
        """Whether the file needs a copy with another FILE_SCHEMA."""
        return self.original_schema != self.schema


def looks_like_ifc(head: bytes, name: str) -> bool:
    """Tell whether a file is IFC, or is named as if it were and so has to be refused as IFC.

    >>> looks_like_ifc(b"ISO-10303-21;HEADER;FILE_SCHEMA(('IFC4'));", "model.txt")
    True
    >>> looks_like_ifc(b"ISO-10303-21;HEADER;FILE_SCHEMA(('AUTOMOTIVE_DESIGN'));", "part.stp")
    False
    """
    if name.lower().endswith((".ifc", ".ifcxml", ".ifcx")):
        return True
    if is_step(head):
        schema = SCHEMA.search(head)
        return schema is not None and schema.group(1).strip().upper().startswith(b"IFC")
    return is_ifcxml(head)


def is_step(head: bytes) -> bool:
    """Tell whether the file starts as a STEP physical file (ISO 10303-21), be it behind a byte order mark."""
    return head.removeprefix(codecs.BOM_UTF8).lstrip()[:12].upper() == b"ISO-10303-21"


def is_ifcxml(head: bytes) -> bool:
    """Tell whether the file is IFC in XML."""
    return head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"<" and _XML.search(head) is not None


def read_header(path: Path) -> Header:
    """Read and check the header and the last line.

    Raises
    ------
    InvalidFile
        For text that is no STEP file, ifcXML, an unknown schema, and a file that was cut off.
    """
    with path.open("rb") as handle:
        head = handle.read(HEAD_BYTES)
        handle.seek(max(0, path.stat().st_size - TAIL_BYTES))
        tail = handle.read()
    if is_ifcxml(head):
        raise InvalidFile("this is ifcXML, which is not taken; export the model as IFC-SPF (.ifc)")
    if not is_step(head):
        raise InvalidFile("not a STEP file: it does not start with 'ISO-10303-21;'; export the model as IFC again")
    found = SCHEMA.search(head)
    if found is None:
        raise InvalidFile("the header has no FILE_SCHEMA, so the version of IFC is not known; export the model again")
    if not _END.search(tail):
        raise InvalidFile("the file was cut off: 'END-ISO-10303-21;' is missing at its end; deliver it again")
    original = found.group(1).decode("ascii", "replace").strip().upper()
    return Header(original, normalise(original))


def normalise(schema: str) -> str:
    """Return the schema that the parser reads for the one a header names.

    Drafts and corrigenda of IFC4X3 and the short-lived IFC4X1 and IFC4X2 are read as IFC4X3_ADD2, additions to IFC4
    as IFC4, and the 2x family as IFC2X3.

    Raises
    ------
    InvalidFile

    >>> normalise("IFC4X3_RC4"), normalise("IFC4_ADD2_TC1"), normalise("IFC2X_FINAL")
    ('IFC4X3_ADD2', 'IFC4', 'IFC2X3')
    """
    name = schema.upper()
    if re.fullmatch(r"IFC4X[123](_\w+)?", name):
        return "IFC4X3_ADD2"
    if re.fullmatch(r"IFC4(_\w+)?", name):
        return "IFC4"
    if re.fullmatch(r"IFC2X([23])?(_\w+)?", name):
        return "IFC2X3"
    raise InvalidFile(f"schema '{schema}' is not known; export the model as IFC2X3, IFC4 or IFC4X3")
