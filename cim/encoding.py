"""Which encoding text is in: UTF-8 where it is that, else GB 18030 where that reads as Chinese."""

from __future__ import annotations

import codecs
from collections.abc import Iterable

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def of_text(head: bytes) -> str | None:
    """Return the encoding of a text file by its beginning, or None where it is no text.

    The beginning may end within a character.
    """
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    if b"\0" in head:
        return None
    return of_values([head])


def of_values(values: Iterable[bytes]) -> str:
    """Return utf-8, gb18030 or iso-8859-1 for the values of a table of fixed width.

    A value may be cut within its last character, as dBASE tables do at 10 bytes of a name or 254 of a text.
    """
    found = [value for value in values if not value.isascii()]
    for name in ("utf-8", "gb18030"):
        if all(_decodes(value, name) for value in found) and (name == "utf-8" or _is_chinese(found)):
            return name
    return "iso-8859-1"


def _decodes(value: bytes, name: str) -> bool:
    try:
        codecs.getincrementaldecoder(name)("strict").decode(value, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _is_chinese(values: list[bytes]) -> bool:
    """Tell whether the text read as GB 18030 consists of common Chinese characters.

    Almost any bytes are something in GB 18030: 'Zürich' in Latin-1 has a rare character in it. The common ones are
    those of GB 2312.
    """
    text = "".join(codecs.getincrementaldecoder("gb18030")("strict").decode(value) for value in values)
    wide = [character for character in text if not character.isascii()]
    return sum(map(_is_common, wide)) >= 0.8 * len(wide)


def _is_common(character: str) -> bool:
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True
