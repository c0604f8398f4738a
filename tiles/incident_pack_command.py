"""``cim incidents``: a list, briefings, forward packs, and what comes back from the field."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import typer
from rich.table import Table

from cim.access import OPEN_CALLER, Caller
from cim.commands.session import messages, print_json, ready_engine, results, start
from cim.errors import InvalidFile, InvalidInput, TooLarge
from layers.incidents.additions import Additions, parse_additions
from layers.incidents.conflicts import list_conflicts, settle_conflict
from layers.incidents.drawn_additions import is_geopackage, read_drawn
from layers.incidents.incident import MOST, list_incidents, read_incident
from layers.incidents.merge_back import find_by_uuid, merge_additions
from layers.incidents.open_pack import open_pack
from layers.live.events.incoming import read_time_asked
from tiles.briefing import gather
from tiles.briefing_map import draw
from tiles.briefing_page import render_briefing
from tiles.briefing_pdf import print_pdf
from tiles.briefing_zip import write_briefing
from tiles.incident_pack import Source, read_incident_file, verify_pack, write_pack
from tiles.scene_command import parse_language, parse_role

MOST_BYTES = 64 * 2**20
_JSON = typer.Option(False, "--json", help="Print as JSON.")
_ID = typer.Argument(..., min=1, help="The incident's id.")
_ROLE = typer.Option("commander", help="Who may read it: what this role does not see stays out.")
_AREA = typer.Option(None, help="For readers of this area code; all areas otherwise.")
_BY = typer.Option(..., help="Who says so.")
_KEY = typer.Option(None, help="The public key that you trust, as it is in the signature.")


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="Incidents: briefings, forward packs, what comes back.", no_args_is_help=True)
    group.command("list")(listing)
    group.command("briefing")(briefing)
    group.command("pack")(pack)
    group.command("verify")(verify)
    group.command("open")(open_here)
    group.command("merge")(merge)
    group.command("conflicts")(conflicts)
    group.command("settle")(settle)
    app.add_typer(group, name="incidents")


def listing(
    state: str = typer.Option(None, help="Only those that are 'open', or 'closed'."),
    limit: int = typer.Option(100, min=1, max=MOST, help="Incidents listed at most."),
    json: bool = _JSON,
) -> None:
    """List incidents, the newest first."""
    if state not in (None, "open", "closed"):
        raise InvalidInput(f"--state is '{state[:40]}'; use open or closed")
    with ready_engine(start()) as engine, engine.connect() as connection:
        found = list_incidents(connection, OPEN_CALLER, state=state, limit=limit)
    if json:
        print_json(found)
        return
    table = Table("id", "name", "kind", "state", "opened", "by", "version")
    for row in found:
        words = (row["name"], row["kind"] or "", row["state"], row["opened_at"][:16], row["opened_by"])
        table.add_row(str(row["id"]), *words, str(row["version"]))
    results.print(table)


def briefing(
    id: int = _ID,
    file: Path = typer.Argument(..., dir_okay=False, help="FILE.pdf, FILE.zip or FILE.html."),
    until: str = typer.Option(None, help="As it was known at this moment (RFC 3339)."),
    lang: str = typer.Option("zh", help="What it speaks: zh, en."),
    role: str = _ROLE,
    area: str = _AREA,
) -> None:
    """Write a briefing: a PDF (needs Chromium), a page, or a ZIP of page, tables and layers."""
    kind = file.suffix.lower()
    if kind not in (".pdf", ".zip", ".html"):
        raise InvalidInput(f"'{file.name}' does not end in .pdf, .zip or .html")
    caller, language = Caller(parse_role(role), area), parse_language(lang)
    settings = start()
    with ready_engine(settings) as engine, engine.connect() as connection:
        found = gather(connection, id, caller, read_time_asked("--until", until))
        picture = draw(connection, found, caller)
        body = write_briefing(connection, found, picture, caller) if kind == ".zip" else b""
    if kind != ".zip":
        page = render_briefing(found, picture, language)
        body = print_pdf(page, settings.chromium) if kind == ".pdf" else page.encode()
    file.write_bytes(body)
    messages.print(f"{file.name}: {len(body) / 1e6:.1f} MB", markup=False)


def pack(
    id: int = _ID,
    file: Path = typer.Argument(..., dir_okay=False, help="The file to write, ending in .zip."),
    role: str = _ROLE,
    area: str = _AREA,
    json: bool = _JSON,
) -> None:
    """Write a forward pack: one signed ZIP that works on a machine without network."""
    if file.suffix.lower() != ".zip" or not file.parent.is_dir():
        raise InvalidInput(f"'{file.name}' does not end in .zip, or its folder does not exist")
    settings = start()
    source = Source(settings.files, settings.home, datetime.now().astimezone())
    caller = Caller(parse_role(role), area)
    with (
        ready_engine(settings) as engine,
        engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
        connection.begin(),
    ):
        done = write_pack(connection, id, file, source, caller, announce=lambda name: messages.print(f"  {name}"))
    if json:
        print_json(done._asdict())
        return
    scene = "with its scene" if done.has_scene else "without a scene; its README says why"
    messages.print(f"{file.name}: {done.size_bytes / 1e6:.1f} MB, {done.tiles} tiles, {scene}", markup=False)


def verify(
    file: Path = typer.Argument(..., exists=True, dir_okay=False, help="A forward pack."), key: str = _KEY
) -> None:
    """Check that a forward pack is whole and by whom it was signed."""
    found = verify_pack(file, key)
    messages.print(f"{file.name} is as it was signed by {found['signed_by']}", markup=False)
    if key is None:
        messages.print("whose key this is only its owner can tell; give the one you trust with --key")


def open_here(
    file: Path = typer.Argument(..., exists=True, dir_okay=False, help="A forward pack."),
    key: str = _KEY,
    json: bool = _JSON,
) -> None:
    """Open the incident of a forward pack in this installation; opened twice, it changes nothing."""
    verify_pack(file, key)
    with ready_engine(start()) as engine, engine.begin() as connection:
        done = open_pack(connection, read_incident_file(file), OPEN_CALLER)
    _say(done, json, f"incident {done['id']}: {done['new']} new entries, {done['known']} known")


def merge(
    file: Path = typer.Argument(
        ..., exists=True, dir_okay=False, help="A file of additions, or the GeoPackage of a pack with points."
    ),
    incident: int = typer.Option(None, min=1, help="The incident's id, where a GeoPackage does not name it."),
    by: str = typer.Option(None, help="Who wrote down the rows of a GeoPackage that do not say it."),
    json: bool = _JSON,
) -> None:
    """Take back what was added in the field; exit status 3 where changes conflict and wait to be settled."""
    with ready_engine(start()) as engine, engine.begin() as connection:
        named = None if incident is None else UUID(read_incident(connection, incident, OPEN_CALLER)["uuid"])
        additions = _additions(file, named, by)
        number = incident or find_by_uuid(connection, additions.incident, OPEN_CALLER)
        done = merge_additions(connection, number, additions, OPEN_CALLER)
    entries, waiting = done["entries"], len(done["conflicts"])
    words = f"incident {number}: {entries['new']} new entries, {entries['known']} known, {waiting} new conflicts"
    _say(done | {"incident": number}, json, words)
    if waiting:
        raise typer.Exit(3)


def conflicts(id: int = _ID, json: bool = _JSON) -> None:
    """List what both sides changed and nobody has settled; exit status 1 where there is any."""
    with ready_engine(start()) as engine, engine.connect() as connection:
        found = list_conflicts(connection, id, OPEN_CALLER, state="open")
    if json:
        print_json(found)
    else:
        table = Table("id", "of", "ref", "by", "ours", "theirs")
        for row in found:
            ours, theirs = (orjson.dumps(row[name]).decode()[:120] for name in ("ours", "theirs"))
            table.add_row(str(row["id"]), row["subject"], row["ref"] or "", row["author"] or "", ours, theirs)
        results.print(table)
    if found:
        raise typer.Exit(1)


def settle(
    id: int = _ID,
    conflict: int = typer.Argument(..., min=1, help="The conflict's id."),
    choice: str = typer.Argument(..., help="ours: what stands stays; theirs: what came from the field is taken."),
    by: str = _BY,
    json: bool = _JSON,
) -> None:
    """Settle a conflict; both versions stay in the records."""
    with ready_engine(start()) as engine, engine.begin() as connection:
        done = settle_conflict(connection, id, conflict, choice, OPEN_CALLER, by=by)
    _say(done, json, f"conflict {conflict} is settled: {choice}")


def _say(value: dict[str, Any], json: bool, words: str) -> None:
    if json:
        print_json(value)
    else:
        messages.print(words, markup=False)


def _additions(file: Path, incident: UUID | None, by: str | None) -> Additions:
    if file.stat().st_size > MOST_BYTES:
        raise TooLarge(f"'{file.name}' has more than {MOST_BYTES // 2**20} MB; no file of additions is so large")
    with file.open("rb") as opened:
        start = opened.read(100)
    if is_geopackage(start):
        return read_drawn(file, incident=incident, by=by)
    try:
        return parse_additions(orjson.loads(file.read_bytes()))
    except orjson.JSONDecodeError as error:
        raise InvalidFile(
            f"'{file.name}' is neither JSON ({error}) nor a GeoPackage; a file of additions is needed"
        ) from None
