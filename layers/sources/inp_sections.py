"""The sections of EPANET and SWMM input files: words of each line, with the line's number."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from cim import encoding

_HEADING = re.compile(r"\[\s*([A-Za-z_]+)\s*\]?")
_HEAD_BYTES = 65_536


class Line(NamedTuple):
    """One line that is no comment."""

    number: int
    words: list[str]


Sections = dict[str, list[Line]]


def read_sections(path: Path, wanted: Collection[str] | None = None) -> Sections:
    """Return the lines of the wanted sections (all where None); names in capitals, comments (``;``) left out."""
    found: Sections = {}
    lines: list[Line] = []
    with path.open("rb") as handle:
        name = encoding.of_text(handle.read(_HEAD_BYTES)) or "iso-8859-1"
    with path.open(encoding=name, errors="replace") as handle:
        for number, text in enumerate(handle, 1):
            content = text.split(";", 1)[0].strip()
            if not content:
                continue
            heading = _HEADING.match(content)
            if heading:
                section = heading[1].upper()
                lines = found.setdefault(section, []) if wanted is None or section in wanted else []
            else:
                lines.append(Line(number, content.split()))
    return found


def section_names(path: Path) -> set[str]:
    """Return the names of all sections in capitals."""
    with path.open("rb") as handle:
        return {
            found[1].upper()
            for line in handle
            if line.lstrip()[:1] == b"[" and (found := _HEADING.match(line.decode("ascii", "replace").strip()))
        }
