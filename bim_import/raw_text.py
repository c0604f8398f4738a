r"""Raw bytes beyond ASCII in a STEP file: which encoding they are in, and a copy in which they are escaped.

ISO 10303-21 (6.4.3) allows ASCII only and escapes the rest: ``\S\``, ``\P.\``, ``\X\``, ``\X2\`` and ``\X4\``.
Exporters write UTF-8 or the code page of their machine all the same, and the parser drops such bytes without a word.
"""

from __future__ import annotations

import codecs
import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from cim import encoding
from cim.reports import Note

_CHUNK_BYTES = 1 << 20
_RAW = re.compile(rb"[\x80-\xff]")
#: The bytes looked at to tell the encoding: from the first raw one on, with what stands between.
_SAMPLE_BYTES = 1 << 20
#: A character beyond the 16 bits of ``\X2\`` written as UTF-16, which is not what the clause says but what is written.
_PAIR = re.compile(
    rb"\\X2\\((?:[0-9A-Fa-f]{4})*?[Dd][89ABab][0-9A-Fa-f]{2}[Dd][C-Fc-f][0-9A-Fa-f]{2}(?:[0-9A-Fa-f]{4})*)\\X0\\"
)
_WIDE = re.compile(r"[^\x00-\x7f]+")
_NAMES = {"utf-8": "UTF-8", "gb18030": "GB 18030 (GBK)", "iso-8859-1": "Windows-1252 (Western)"}


def raw_encoding(path: Path) -> str | None:
    """Return the encoding of the raw bytes, or None for a file in ASCII."""
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
        first = _RAW.search(content)
        if first is None:
            return None
        return encoding.of_values([content[first.start() : first.start() + _SAMPLE_BYTES]])


def has_pairs(path: Path) -> bool:
    """Tell whether characters are escaped as pairs of UTF-16, which the parser drops."""
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return _PAIR.search(content) is not None


def escape_file(path: Path, target: Path, name: str | None) -> Note:
    r"""Write a copy in ASCII, with what was raw as ``\X2\`` or ``\X4\``; return what to tell of it."""
    example, unreadable = "", 0
    with target.open("wb") as sink:
        for text in _decoded(path, name or "ascii"):
            found = _WIDE.search(text) if not example else None
            example = found.group() if found else example
            unreadable += text.count("\ufffd")
            sink.write(_PAIR.sub(_as_x4, _WIDE.sub(_as_escape, text).encode("ascii")))
    if name is None:
        return Note("encoding", "characters escaped as pairs of UTF-16 in \\X2\\ were read as what they mean")
    said = f"the text has raw bytes that STEP does not allow; they were read as {_NAMES[name]}, e.g. '{example[:20]}'"
    return Note("encoding", said + (f"; {unreadable} of them are not and were replaced" if unreadable else ""))


def _decoded(path: Path, name: str) -> Iterator[str]:
    """Yield the text in pieces that end with a semicolon, so that no escape is cut."""
    # Windows writes its own code page where ISO 8859-1 is meant.
    codec = {"iso-8859-1": "cp1252", "utf-8": "utf-8-sig"}.get(name, name)
    decoder = codecs.getincrementaldecoder(codec)("replace")
    rest = ""
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK_BYTES):
            whole, end, tail = (rest + decoder.decode(chunk)).rpartition(";")
            yield whole + end
            rest = tail
    yield rest + decoder.decode(b"", final=True)


def _as_escape(found: re.Match[str]) -> str:
    text = found.group()
    if all(ord(character) <= 0xFFFF for character in text):
        return f"\\X2\\{text.encode('utf-16-be').hex().upper()}\\X0\\"
    return f"\\X4\\{text.encode('utf-32-be').hex().upper()}\\X0\\"


def _as_x4(found: re.Match[bytes]) -> bytes:
    text = bytes.fromhex(found.group(1).decode()).decode("utf-16-be", "replace")
    return b"\\X4\\" + text.encode("utf-32-be").hex().upper().encode() + b"\\X0\\"
