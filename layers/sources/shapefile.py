"""What a shapefile needs beside its ``.shp``, and the encoding of its attributes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyogrio

from cim import encoding
from cim.errors import InvalidFile
from cim.reports import Note

MAGIC = b"\x00\x00\x27\x0a"
_SAMPLE_ROWS = 2_000
_RAW = "ISO-8859-1"


def companion(path: Path, suffix: str) -> Path | None:
    """Return the file of the same stem with a suffix in any case, or None."""
    wanted = path.stem + suffix
    return next((other for other in path.parent.iterdir() if other.name.casefold() == wanted.casefold()), None)


def require_companions(path: Path) -> list[Note]:
    """Check that the index and the table are there.

    Raises
    ------
    InvalidFile
        If there is no ``.shx``.
    """
    if companion(path, ".shx") is None:
        raise InvalidFile(
            f"the companion '{path.stem}.shx' is missing; deliver it beside the .shp (all of .shp, .shx, .dbf, .prj)"
        )
    if companion(path, ".dbf") is None:
        return [Note("no_attributes", f"the companion '{path.stem}.dbf' is missing: the rows have no attributes")]
    return []


def detect_encoding(path: Path) -> tuple[str | None, list[Note]]:
    """Return the encoding to read attributes with (None: as GDAL decides) and what was found out."""
    if companion(path, ".dbf") is None:
        return None, []
    declared = companion(path, ".cpg")
    said = declared.read_text("ascii", "replace").strip() if declared else None
    found = encoding.of_values(_raw_values(path))
    if said and _is_same(said, found):
        return None, []
    if found == "iso-8859-1":
        return (None, []) if said else ("UTF-8", []) if _is_ascii(path) else (_RAW, [_note(path, found, said)])
    return {"utf-8": "UTF-8", "gb18030": "GB18030"}[found], [] if found == "utf-8" else [_note(path, found, said)]


def _is_same(said: str, found: str) -> bool:
    chinese = {"gbk", "gb2312", "gb18030", "936", "cp936", "ms936"}
    name = said.casefold()
    return name == found or (name in chinese and found == "gb18030") or (name in {"65001", "utf8"} and found == "utf-8")


def _note(path: Path, found: str, said: str | None) -> Note:
    because = f"its .cpg says {said}, which does not fit" if said else "there is no .cpg"
    return Note("guessed_encoding", f"the attributes of '{path.name}' were read as {found.upper()}: {because}")


def _is_ascii(path: Path) -> bool:
    return all(value.isascii() for value in _raw_values(path))


def _raw_values(path: Path) -> list[bytes]:
    """Return names of columns and text values as bytes, through an encoding that maps each byte to itself."""
    meta, _, _, columns = pyogrio.raw.read(path, encoding=_RAW, read_geometry=False, max_features=_SAMPLE_ROWS)
    texts = [str(name) for name in meta["fields"]]
    for column in columns:
        if column.dtype == np.dtype(object):
            texts += [value for value in column if isinstance(value, str)]
    return [text.encode("latin-1", "replace") for text in texts]
