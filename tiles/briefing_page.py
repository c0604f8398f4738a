"""The page of a briefing: one HTML file with its picture inside, which a browser prints and anybody reads."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2

from tiles.briefing import LISTED, PEOPLE, Briefing, ZoneFacts
from tiles.briefing_gates import WITH_GATES
from tiles.briefing_map import Picture
from tiles.briefing_texts import texts_in
from tiles.styles import Language

FOLDER = Path(__file__).parent / "briefings"
#: All of China keeps one time.
ZONE = timezone(timedelta(hours=8))
#: Of the timeline on paper: the first ones and the last ones.
MOST_LINES = 300
MOST_LISTED = 20
_KINDS = {"note": "remark"}
_STEPS = {"open": "open_step", "close": "close_step"}

Texts = Mapping[str, str]


def render_briefing(briefing: Briefing, picture: Picture, language: Language = "zh") -> str:
    """Return the page; it loads nothing from elsewhere and runs no script."""
    texts = texts_in(language)
    lines = shortened(briefing.entries, MOST_LINES)
    return template("briefing.html.j2").render(
        text=texts,
        incident=briefing.incident,
        known_at=moment(briefing.known["until"]),
        opened_at=moment(briefing.incident["opened_at"]),
        closed_at=moment(briefing.incident["closed_at"]),
        picture=base64.b64encode(picture.png).decode(),
        zones=zone_lines(briefing, texts),
        listed=[_listed(zone, language) for zone in briefing.near()],
        layers=[_layers(zone, language) for zone in briefing.zones],
        receipts=[_receipt(zone) for zone in briefing.zones],
        is_suppressed=briefing.is_suppressed,
        conflicts=briefing.known["conflicts"],
        lines=[line(entry, texts) for entry in lines],
        shown=len(lines),
        total=briefing.known["total"],
    )


@lru_cache(maxsize=8)
def template(name: str) -> jinja2.Template:
    """Return a template of briefings and packs; what people wrote is escaped in it."""
    loader = jinja2.FileSystemLoader(FOLDER)
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True).get_template(name)


def moment(text: str | None) -> str:
    """Return a time as people in China write it, to the minute."""
    return "" if text is None else datetime.fromisoformat(text).astimezone(ZONE).strftime("%Y-%m-%d %H:%M")


def line(entry: Mapping[str, Any], texts: Texts) -> dict[str, Any]:
    """Return an entry as a line: when, kind, what, who."""
    return {
        "at": moment(entry["at"]),
        "kind": texts[_KINDS.get(entry["kind"], entry["kind"])],
        "what": words(entry, texts),
        "by": entry["by"] or "",
        "is_corrected": bool(entry["corrected_by"]),
    }


def words(entry: Mapping[str, Any], texts: Texts) -> str:
    """Return what an entry says in one line."""
    told = entry["snapshot"] or {}
    name = (
        told.get("title") or told.get("name") or told.get("code") or (entry["ref"] if entry["kind"] != "state" else "")
    )
    said = entry["text"] or ""
    if entry["origin"] == "log" or entry["kind"] == "state":
        said = texts.get(_STEPS.get(said, said), said)
    if entry["kind"] == "event" and entry["origin"] == "said" and told.get("state"):
        said = f"{said} [{texts.get(told['state'], told['state'])}]".strip()
    if entry["kind"] == "analysis":
        name = f"{entry['ref'][:19]}…"
    return " · ".join(str(part) for part in (name, said) if part)


def between(count: tuple[int, int | None] | None) -> str | None:
    """Return a count of people, as a range where it rests on a part of the buildings."""
    if count is None:
        return None
    low, high = count
    return "?" if high is None else (str(low) if low == high else f"{low}–{high}")


def zone_lines(briefing: Briefing, texts: Texts) -> list[dict[str, Any]]:
    """Return zones with their counts, and how many gates each of those has that are closed off."""
    lines = [zone_line(zone, number, texts) for number, zone in enumerate(briefing.zones, 1)]
    for zone, told in zip(briefing.zones, lines, strict=True):
        count = sum(gate.zone_id == zone.feature["id"] for gate in briefing.gates)
        told["counts"]["gates"] = count if zone.kind in WITH_GATES else None
    return lines


def zone_line(zone: ZoneFacts, number: int, texts: Texts) -> dict[str, Any]:
    """Return a zone with its counts; None where a layer may not be seen."""
    told = zone.feature["properties"]
    buildings = zone.layer("buildings")
    counts: dict[str, Any] = {"buildings": buildings["count"] if buildings else None}
    counts["units"] = buildings["sums"].get("units") if buildings else None
    people = zone.people()
    counts |= {name: between(people.get(name)) for name in PEOPLE}
    for name in LISTED:
        found = zone.layer(name)
        counts[name] = found["count"] if found else None
    return {
        "number": number, "name": told.get("name"), "kind": texts.get(zone.kind, zone.kind),
        "version": told.get("version"), "hectares": round(zone.inventory["area_m2"] / 1e4, 2), "counts": counts,
    }  # fmt: skip


def shortened(entries: Sequence[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """Return all entries, or of too many the first and the last."""
    if len(entries) <= most:
        return list(entries)
    return [*entries[: most // 3], *entries[-(most - most // 3) :]]


def _listed(zone: ZoneFacts, language: Language) -> dict[str, Any]:
    found = {}
    for name in LISTED:
        layer = zone.layer(name)
        if layer and layer["count"]:
            items = [{"name": item["name"], "detail": item["detail"]} for item in layer["items"][:MOST_LISTED]]
            found[layer["title"][language]] = {"items": items, "more": layer["count"] - len(items)}
    return {"name": zone.feature["properties"].get("name"), "layers": found}


def _layers(zone: ZoneFacts, language: Language) -> dict[str, Any]:
    rows = [(entry["title"][language], entry["count"]) for entry in zone.filled()]
    return {"name": zone.feature["properties"].get("name"), "rows": rows}


def _receipt(zone: ZoneFacts) -> dict[str, Any]:
    receipt = zone.inventory["receipt"]
    missing = [name for name, told in receipt["layers"].items() if told["state"] == "no_data"]
    return {
        "name": zone.feature["properties"].get("name"), "hash": receipt["hash"], "datasets": receipt["datasets"][:30],
        "more": max(0, len(receipt["datasets"]) - 30), "missing": missing[:30], "at": moment(receipt["generated_at"]),
    }  # fmt: skip
