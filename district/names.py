"""Chinese names: streets of the town, housing estates, villages, works, 街道 and 社区."""

from __future__ import annotations

from district.arrays import random_stream

_FIRST = "龙平清翔吉布宝荷爱同新盛福永康安华德政怡丹锦碧黄如红沙五仙坪横园深惠景云岗城中兴"
_SECOND = "平翔岗华兴城园安康乐和泰湖山林溪泉海川洋江河塘田坑围埔村昌隆盛丰荣富贵祥瑞宁达通"
_GARDEN_TAIL = ("花园", "家园", "雅苑", "华府", "公馆", "新城", "名苑", "豪庭", "嘉园", "广场")
STREETS = ("龙城", "龙岗", "宝龙", "坪地", "横岗", "园山", "布吉", "吉华", "南湾", "平湖", "坂田")
_SQUARES = ("盛平", "龙红格", "黄阁坑", "爱联", "回龙埔", "嶂背", "尚景", "紫薇", "新联", "五联")
_NUMERALS = "一二三四五六七八九十"


def _pairs(seed: int, stream: str) -> list[str]:
    """All two-character stems in a seeded order."""
    stems = [a + b for a in dict.fromkeys(_FIRST) for b in dict.fromkeys(_SECOND) if a != b]
    order = random_stream(seed, stream).permutation(len(stems))
    return [stems[k] for k in order.tolist()]


def street_names(keys: list[str], seed: int) -> dict[str, str]:
    """Name every line of the plan; main lines become 大道 and 路, inner ones 路, 街 and 巷.

    Parameters
    ----------
    keys
        ``u3`` or ``v3`` for main lines; ``b1,2,u0`` for inner ones, of which one superblock shares a stem.
    """
    stems = _pairs(seed, "street names")
    names: dict[str, str] = {}
    stem_of: dict[str, str] = {}
    taken = 0
    for key in keys:
        main = not key.startswith("b")
        owner = key if main else key.rsplit(",", 1)[0]
        if owner not in stem_of:
            # The inner streets start in the second half, so that no inner stem is a main street's.
            stem_of[owner] = stems[taken % len(stems)]
            taken += 1
        if main:
            names[key] = stem_of[owner] + ("大道" if int(key[1:]) % 2 == 0 else "路")
        else:
            direction, number = key.rsplit(",", 1)[1][0], int(key.rsplit(",", 1)[1][1:])
            names[key] = f"{stem_of[owner]}{_NUMERALS[number % 10]}{'路' if direction == 'u' else '街'}"
    return names


def garden_names(count: int, seed: int) -> list[str]:
    """Name housing estates; different from each other."""
    stems = _pairs(seed, "garden names")
    rounds = len(_GARDEN_TAIL)
    return [stems[k % len(stems)] + _GARDEN_TAIL[(k // len(stems) + k) % rounds] for k in range(count)]


def village_names(count: int, seed: int) -> list[str]:
    """Name urban villages."""
    return [stem + "村" for stem in _cycled(_pairs(seed, "village names"), count)]


def works_names(count: int, seed: int) -> list[str]:
    """Name industrial estates."""
    return [stem + "工业园" for stem in _cycled(_pairs(seed, "works names"), count)]


def street_office(number: int) -> str:
    """Name the 街道 with a running number from 0."""
    return STREETS[number % len(STREETS)] + "街道"


def community(street: int, number: int, seed: int) -> str:
    """Name the `number`-th 社区 of a 街道; different within the district."""
    stems = _pairs(seed, "community names")
    return (_SQUARES[number] if street == 0 and number < len(_SQUARES) else stems[street * 60 + number]) + "社区"


def _cycled(stems: list[str], count: int) -> list[str]:
    """Take `count` names; from the second round on they carry a compass word."""
    words = ("", "东", "西", "南", "北", "上", "下", "新", "老")
    return [stems[k % len(stems)] + words[(k // len(stems)) % len(words)] for k in range(count)]
