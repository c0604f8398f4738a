"""Opening an IFC file, and hearing what the parser has to say: many broken files open without an exception."""

from __future__ import annotations

import mmap
import re
from collections import Counter
from collections.abc import Sequence
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
#: Said by the reader itself in better words, or no loss: attributes that a schema appended or cut off at the end.
_HARMLESS = re.compile(r"non-unique GlobalId|^Expected \d+ attribute values|^Entity with name|^Lowercase hexadecimal")
_UNKNOWN = re.compile(r"^Entity with name '(\w+)' not found in schema")
_LITERAL = re.compile(r"^An enumeration literal '(\w+)' is not (?:valid for type '(\w+)')?")
_DANGLING = re.compile(r"^Instance reference #\d+ used by .* not found")
#: An instance at the beginning of a statement. Comments between statements hide some, so that there may be more.
_INSTANCE = re.compile(rb";\s*#\d+\s*=\s*(\w+)")


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


def open_model(path: Path, header: Header, told: Sequence[Note] = ()) -> OpenModel:
    """Parse a file whose header names a readable schema.

    Parameters
    ----------
    told
        Notes on what was changed to make the file readable.

    Raises
    ------
    InvalidFile
        For syntax errors, references to nothing, repeated instance names, statements that the parser passed over, and
        files without a product.
    """
    library: Any = ifcopenshell
    library.ifcopenshell_wrapper.set_log_format_json()
    library.get_log()  # what earlier files left
    try:
        file = ifcopenshell.open(str(path))
    except (ifcopenshell.Error, OSError) as error:
        said = [message for _, message in _messages()]
        raise InvalidFile(f"the file is not readable as IFC: {'; '.join(said[:3]) or error}; export it again") from None
    messages = _messages()
    notes = [*told, *_judge(messages, header)]
    if not file.by_type("IfcProduct"):
        raise InvalidFile("the file holds no product at all; its data section is empty or broken, export it again")
    notes += _check_lost(file, path, messages)
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
    notes = [_literals(messages)] if any(_LITERAL.search(text) for _, text in messages) else []
    dangling = [text for _, text in messages if _DANGLING.search(text)]
    if dangling:  # of a draft, else fatal
        notes.append(Note("dangling_references", f"{len(dangling)} references to instances that were not read"))
    ours = (_HARMLESS, _LITERAL, _DANGLING)
    kinds = Counter(text for _, text in messages if not any(pattern.search(text) for pattern in ours))
    return notes + [Note("parser_warning", text) for text, _ in kinds.most_common(5)]


def _literals(messages: list[tuple[str, str]]) -> Note:
    found = Counter(match.groups() for _, text in messages if (match := _LITERAL.search(text)))
    said = ", ".join(f"{count} .{word}. of {kind or 'another type'}" for (word, kind), count in found.most_common(5))
    return Note("unknown_literals", f"{sum(found.values())} values that the schema lacks were left out: {said}")


def _check_lost(file: Any, path: Path, messages: list[tuple[str, str]]) -> list[Note]:
    """Compare the instances of the text with those that the parser has; the parser may stop without a word."""
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
        written = Counter(found.group(1) for found in _INSTANCE.finditer(content))
    # The parser says each unknown name once, however often it stands there.
    names = {match.group(1).upper() for _, text in messages if (match := _UNKNOWN.search(text))}
    lost = Counter({name.decode(): count for name, count in written.items() if name.decode().upper() in names})
    read, total = len(file.entity_names()), written.total()
    if read + lost.total() < total:
        raise InvalidFile(
            f"only {read} of {total} instances could be read, so that products may be missing; the data section is "
            "broken, export it again"
        )
    if not lost:
        return []
    said = ", ".join(f"{count} {name}" for name, count in lost.most_common(8))
    return [Note("not_read", f"{lost.total()} of {total} instances are of no entity of the schema: {said}")]
