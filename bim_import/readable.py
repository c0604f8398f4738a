"""A copy of an IFC file that the parser reads as what it means: schema, entities of drafts, raw text."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from bim_import.drafts import adapt_file
from bim_import.header import HEAD_BYTES, SCHEMA, Header
from bim_import.raw_text import escape_file, has_pairs, raw_encoding
from cim.reports import Note


@dataclass(frozen=True)
class Readable:
    """The file to parse (the original where nothing had to be changed), and what was changed in it."""

    path: Path
    notes: tuple[Note, ...] = ()


def readable_copy(path: Path, header: Header, folder: Path) -> Readable:
    """Return the file itself, or a copy in ``folder`` with what the parser would drop or misread put right."""
    notes: list[Note] = []
    encoding = raw_encoding(path)
    if encoding is not None or has_pairs(path):
        target = folder / f"text_{path.name}"
        notes.append(escape_file(path, target, encoding))
        path = target
    if not header.is_rewritten:
        return Readable(path, tuple(notes))
    target = folder / f"schema_{path.name}"
    _name_schema(path, header.schema, target)
    if header.schema != "IFC4X3_ADD2":
        return Readable(target, tuple(notes))
    adapted = folder / path.name
    notes += adapt_file(target, adapted)
    target.unlink()
    return Readable(adapted, tuple(notes))


def _name_schema(path: Path, schema: str, target: Path) -> None:
    with path.open("rb") as source, target.open("wb") as sink:
        head = source.read(HEAD_BYTES)
        found = SCHEMA.search(head)
        assert found is not None
        sink.write(head[: found.start(1)] + schema.encode() + head[found.end(1) :])
        shutil.copyfileobj(source, sink, 1 << 20)
