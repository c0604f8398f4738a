"""Pinyin of names, without tones and blanks: in full, and the initials."""

from __future__ import annotations

import re
from functools import lru_cache

_HAN = re.compile(r"[㐀-鿿]")
#: What people type for a word that closes a part, in full or by its initials.
CLOSING = {
    "dong": "栋", "d": "栋", "zuo": "栋", "z": "栋", "zhuang": "栋", "haolou": "栋", "hl": "栋", "hao": "号", "h": "号",
    "danyuan": "单元", "dy": "单元", "shi": "室", "s": "室", "fang": "室", "f": "室", "lou": "楼", "l": "楼",
    "ceng": "层", "c": "层", "qu": "区", "q": "区", "xiang": "巷", "x": "巷", "haochangfang": "号厂房", "hcf": "号厂房",
}  # fmt: skip


def has_han(text: str) -> bool:
    """Tell whether a text has Chinese signs."""
    return _HAN.search(text) is not None


@lru_cache(maxsize=50_000)
def pinyin_of(name: str) -> tuple[str, str]:
    """Return a name in pinyin: ('longpingdadao', 'lpdd'); other signs stay, in small letters."""
    if not has_han(name):
        plain = name.casefold().replace(" ", "")
        return plain, plain
    # Its tables take half a second to load, and few commands need them.
    from pypinyin import Style, lazy_pinyin

    syllables = lazy_pinyin(name, style=Style.NORMAL, v_to_u=False)
    initials = lazy_pinyin(name, style=Style.FIRST_LETTER)
    full = "".join(syllables).casefold().replace("ü", "v").replace(" ", "")
    return full, "".join(initials).casefold().replace(" ", "")
