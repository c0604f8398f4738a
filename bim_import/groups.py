"""Rows of systems, circuits, zones and other groups, and the links between the objects of a model."""

from __future__ import annotations

from collections import Counter
from typing import Any

from bim_import.content import Content
from bim_import.described import Describe
from bim_import.links import Link
from bim_import.properties import Properties
from bim_import.property_values import text_or_none

GROUP_LEVEL = 6

#: (key, kind, key of the source, key of the target, attributes)
LinkRow = tuple[str, str, str, str, dict[str, Any]]


def group_rows(
    content: Content, links: list[Link], properties: dict[int, Properties], describe: Describe
) -> list[dict[str, Any]]:
    """Return the rows of the table ``element_group``; ``member_count`` is what the file lists."""
    members = Counter(link.source for link in links if link.kind == "member")
    return [
        {
            "source_key": content.keys[group.id()],
            "cim_level": GROUP_LEVEL,
            "name": text_or_none(group.Name) or text_or_none(getattr(group, "LongName", None)),
            "long_name": text_or_none(getattr(group, "LongName", None)),
            "global_id": group.GlobalId,
            "ifc_class": group.is_a(),
            "predefined_type": properties[group.id()].predefined_type,
            "member_count": members[group.id()],
            "psets": properties[group.id()].psets,
            "quantities": properties[group.id()].quantities,
            "attributes": describe(group),
        }
        for group in content.groups
    ]


def link_rows(content: Content, links: list[Link], model_key: str) -> tuple[list[LinkRow], dict[str, int]]:
    """Return the links between stored objects, and how many of each kind there are; ``unresolved`` has an end outside.

    A building of the file is its model here: the merged record of the building has no key in the file.
    """
    keys = {one.id(): content.keys[one.id()] for one in content.described()}
    keys |= {one.id(): model_key for one in content.buildings}
    rows: list[LinkRow] = []
    counts: Counter[str] = Counter()
    for link in links:
        source, target = keys.get(link.source), keys.get(link.target)
        if source is None or target is None:
            counts["unresolved"] += 1
        else:
            counts[link.kind] += 1
            rows.append((link.key, link.kind, source, target, link.attributes))
    return rows, dict(sorted(counts.items()))
