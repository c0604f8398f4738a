"""The page of a forward pack: it opens by a double click, shows the incident and takes notes without a network."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from layers.incidents.additions import FORMAT
from tiles.briefing import Briefing
from tiles.briefing_map import Picture
from tiles.briefing_page import FOLDER, line, moment, template, zone_lines
from tiles.briefing_texts import texts_in
from tiles.scene_page import embed
from tiles.styles import Language

SCRIPT = "pack.js"
#: What the page itself may change, besides adding notes.
CHANGEABLE = ("name", "note")


def write_page(
    folder: Path, briefing: Briefing, picture: Picture, *, scene: str | None, language: Language = "zh"
) -> None:
    """Write the page and its script into the folder of a pack; ``scene`` is the address of its 3D page, if any."""
    texts = texts_in(language)
    page = template("pack.html.j2").render(
        text=texts,
        incident=briefing.incident,
        known_at=moment(briefing.known["until"]),
        zones=zone_lines(briefing, texts),
        zone_ids=[zone.feature["id"] for zone in briefing.zones],
        is_suppressed=briefing.is_suppressed,
        lines=[line(entry, texts) for entry in reversed(briefing.entries)],
        scene=scene,
        script=SCRIPT,
        data=embed(page_data(briefing, picture, texts)),
    )
    (folder / "index.html").write_text(page, "utf-8")
    shutil.copyfile(FOLDER / SCRIPT, folder / SCRIPT)


def page_data(briefing: Briefing, picture: Picture, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return what the script needs: the picture's edges, and what may be changed, as both sides know it now."""
    incident = briefing.incident
    subjects = [{"of": "incident", "ref": None, "title": incident["name"],
                 "base": {name: incident[name] for name in CHANGEABLE}}]  # fmt: skip
    for zone in briefing.zones:
        told = zone.feature["properties"]
        base = {name: told.get(name) for name in CHANGEABLE}
        subjects.append({"of": "zone", "ref": zone.feature["id"], "title": told.get("name"), "base": base})
    names = ("added", "add_place", "needs_both", "remove")
    return {
        "format": FORMAT, "incident": incident["uuid"], "until": briefing.known["until"],
        "extent": list(picture.extent), "subjects": subjects, "texts": {name: texts[name] for name in names},
    }  # fmt: skip
