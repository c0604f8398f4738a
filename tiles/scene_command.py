"""``cim scene``: a scene as a page that works without the service."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import get_args

import typer

from cim.access import Caller, Role
from cim.commands.session import messages, print_json, ready_engine, start
from cim.errors import InvalidInput
from tiles.scene_file import Selection, write_scene
from tiles.scene_list import SCENES
from tiles.scene_pack import Extent
from tiles.styles import Language
from tiles.tile import MAX_ZOOM


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("scene")(scene)


def scene(
    name: str = typer.Argument(..., help=f"One of: {', '.join(SCENES)}."),
    file: Path = typer.Argument(..., help="The page to write, FILE.html; its data go beside it, into FILE_data."),
    bbox: str = typer.Option(None, help="Only west,south,east,north (degrees); without, the whole district."),
    max_zoom: int = typer.Option(15, min=0, max=MAX_ZOOM, help="The nearest zoom of the tiles that go with it."),
    role: str = typer.Option("viewer", help=f"Who will look at it: {', '.join(get_args(Role))}."),
    lang: str = typer.Option("zh", help=f"What it speaks: {', '.join(get_args(Language))}."),
    json: bool = typer.Option(False, "--json", help="Print what was written as JSON."),
) -> None:
    """Write a scene as a page that opens by a double click, with all its data, and asks nobody for anything."""
    settings = start()
    caller = Caller(parse_role(role))
    selection = Selection(parse_box(bbox) if bbox else None, max_zoom, parse_language(lang))
    with (
        ready_engine(settings) as engine,
        engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
        connection.begin(),
    ):
        written = write_scene(
            connection,
            settings.files,
            name,
            file,
            caller,
            selection,
            now=datetime.now().astimezone(),
            announce=lambda layer: messages.print(f"  {layer}", markup=False),
        )
    if json:
        print_json({"file": str(written.file), "folder": str(written.folder), "bodies": written.bodies,
                    "bytes": written.size_bytes})  # fmt: skip
        return
    size = f"{written.size_bytes / 1e6:.1f} MB"
    messages.print(f"{written.file} and {written.folder.name}: {written.bodies} bodies, {size}", markup=False)


def parse_role(text: str) -> Role:
    """Return a role; raises InvalidInput, naming those that there are."""
    for role in get_args(Role):
        if role == text:
            found: Role = role
            return found
    raise InvalidInput(f"role is '{text[:40]}'; use one of: {', '.join(get_args(Role))}")


def parse_language(text: str) -> Language:
    """Return a language; raises InvalidInput, naming those that there are."""
    for language in get_args(Language):
        if language == text:
            found: Language = language
            return found
    raise InvalidInput(f"lang is '{text[:40]}'; use one of: {', '.join(get_args(Language))}")


def parse_box(text: str) -> Extent:
    """Return west, south, east, north in degrees; raises InvalidInput."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidInput(f"bbox is '{text[:80]}'; use west,south,east,north in degrees") from None
    if not (-180 <= west < east <= 180 and -85 <= south < north <= 85):
        raise InvalidInput(f"bbox is '{text[:80]}'; west must be less than east, south less than north, in degrees")
    return west, south, east, north
