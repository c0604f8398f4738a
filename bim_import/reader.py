"""Opening an IFC file, and hearing what the parser has to say: many broken files open without an exception."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ifcopenshell
import ifcopenshell.util.unit
import orjson

from bim_import.header import Header
from cim.errors import InvalidFile
from cim.reports import Note

#: Messages after which the content cannot be trusted.
_FATAL = re.compile(
    r"^Overwriting instance with name|^Instance reference #\d+ used by .* not found|^Inconsistent aggregate|'ENDSEC'"
)
#: A draft read as the final schema has entities and literals that were dropped since; so have references to them.
_DRAFT_FATAL = re.compile(r"^Overwriting instance with name|'ENDSEC'")
#: Said by the reader itself in better words.
_HARMLESS = ("non-unique GlobalId",)


@dataclass(frozen=True)
class OpenModel:
    """A parsed file.

    Attributes
    ----------
    metres_per_unit
        Length unit of the project, in metres.
    """

    file: Any
    header: Header
    path: Path
    metres_per_unit: float
    notes: tuple[Note, ...]


def open_model(path: Path, header: Header) -> OpenModel:
    """Parse a file whose header names a readable schema.

    Raises
    ------
    InvalidFile
        For syntax errors, references to nothing, repeated instance names, and files without a product.
    """
    library: Any = ifcopenshell
    library.ifcopenshell_wrapper.set_log_format_json()
    library.get_log()  # what earlier files left
    try:
        file = ifcopenshell.open(str(path))
    except (ifcopenshell.Error, OSError) as error:
        said = [message for _, message in _messages()]
        raise InvalidFile(f"the file is not readable as IFC: {'; '.join(said[:3]) or error}; export it again") from None
    notes = _judge(_messages(), header)
    if not file.by_type("IfcProduct"):
        raise InvalidFile("the file holds no product at all; its data section is empty or broken, export it again")
    if not file.by_type("IfcProject"):
        raise InvalidFile("the file has no IfcProject, so its units are not known; export it again")
    scale = float(ifcopenshell.util.unit.calculate_unit_scale(file))
    return OpenModel(file, header, path, scale, tuple(notes))


def _messages() -> list[tuple[str, str]]:
    """Return (level, message) of all that the parser logged since the last call."""
    found = []
    library: Any = ifcopenshell
    for line in library.get_log().splitlines():
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        found.append((str(record.get("level", "")), str(record.get("message", ""))))
    return found


def _judge(messages: list[tuple[str, str]], header: Header) -> list[Note]:
    pattern = _DRAFT_FATAL if header.is_rewritten else _FATAL
    fatal = [text for _, text in messages if pattern.search(text)]
    if fatal:
        more = f" and {len(fatal) - 3} more" if len(fatal) > 3 else ""
        raise InvalidFile(f"the file is broken: {'; '.join(fatal[:3])}{more}; export it again")
    kinds = Counter(text for _, text in messages if not any(word in text for word in _HARMLESS))
    return [Note("parser_warning", text) for text, _ in kinds.most_common(5)]
