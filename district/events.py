"""Two days of events: calls, patrols, what cameras and sensors noticed."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from district.arrays import ObjectArray, objects, random_stream
from district.buildings import Buildings
from district.devices import START
from district.places import positions
from district.plan import Plan

_SPAN_S = 2 * 24 * 3600
#: Source: its share, and its kinds of event with the least grave level of each (4 is the mildest).
_SOURCES: dict[str, tuple[float, tuple[tuple[str, int], ...]]] = {
    "12345": (0.40, (("噪声扰民", 4), ("占道经营", 4), ("路面积水", 3), ("停水", 3), ("违章停车", 4))),
    "网格": (0.32, (("消防通道堵塞", 3), ("暴露垃圾", 4), ("井盖破损", 3), ("高空坠物隐患", 3))),
    "AI视频": (0.18, (("人员聚集", 3), ("烟火识别", 2), ("道路拥堵", 4), ("渣土车违规", 4))),
    "传感器": (0.10, (("燃气浓度超限", 2), ("水位超警", 2), ("烟雾报警", 2), ("井盖倾斜", 3))),
}


def _kinds(rng: np.random.Generator, count: int) -> tuple[ObjectArray, ObjectArray, ObjectArray]:
    """Draw source, kind and mildest level of each event."""
    rows: list[tuple[str, str, int]] = []
    chances: list[float] = []
    for origin, (share, kinds) in _SOURCES.items():
        rows.extend((origin, name, mildest) for name, mildest in kinds)
        chances.extend([share / len(kinds)] * len(kinds))
    drawn = rng.choice(len(rows), count, p=np.array(chances) / sum(chances)).tolist()
    source, kind, level = zip(*(rows[k] for k in drawn), strict=True)
    return objects(list(source)), objects(list(kind)), objects(list(level))


def _street_number(address: str) -> str:
    """Shorten an address to street and house number."""
    return address.removeprefix("深圳市龙岗区").split("号", 1)[0] + "号"


def make_events(plan: Plan, buildings: Buildings) -> pd.DataFrame:
    """Make the stream of events in order of time; positions EPSG:4490, times RFC 3339 with +08:00."""
    rng = random_stream(plan.seed, "events")
    count = plan.scale.events
    rows = rng.integers(0, len(buildings.table), count)
    position = positions(buildings, rows) + rng.normal(0, 1.2e-4, (count, 2))
    # Most of the day's events come between morning and evening.
    hour = np.clip(rng.normal(14.0, 4.5, count), 0.0, 23.999)
    second = np.sort((rng.integers(0, 2, count) * 24 + hour) * 3600).astype(np.int64)
    second = np.minimum(second, _SPAN_S - 1)
    source, kind, mildest = _kinds(rng, count)
    level = np.maximum(1, mildest.astype(np.int64) - (rng.uniform(size=count) < 0.06))
    address = buildings.table["地址"].to_numpy(dtype=object)[rows]
    return pd.DataFrame(
        {
            "事件编号": [f"SJ{START:%Y%m%d}{k + 1:07d}" for k in range(count)],
            "来源": source,
            "类型": kind,
            "标题": [f"{_street_number(a)}附近{k}" for a, k in zip(address, kind, strict=True)],
            "描述": [f"{s}上报: {k}" for s, k in zip(source, kind, strict=True)],
            "等级": level,
            "发生时间": [(START + timedelta(seconds=s)).isoformat() for s in second.tolist()],
            "经度": np.round(position[:, 0], 8),
            "纬度": np.round(position[:, 1], 8),
            "地址": address,
        }
    )
