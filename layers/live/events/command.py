"""``cim events``: what waits, and the tables by which events are judged."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.table import Table

from cim.access import OPEN_CALLER
from cim.commands.session import messages, print_json, ready_engine, results, start
from layers.live.events.read import Asked, find_events
from layers.live.events.responsibility import replace_responsibilities
from layers.live.events.states import count_by_state
from layers.live.events.types import replace_types


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="Events: what waits, types, who answers for what.", no_args_is_help=True)
    group.command("status")(status)
    group.command("overdue")(overdue)
    group.command("types")(types)
    group.command("responsibilities")(responsibilities)
    app.add_typer(group, name="events")


def status(json: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """Show how many events are in which state, and how many of them are overdue."""
    settings = start()
    with ready_engine(settings) as engine, engine.connect() as connection:
        counts = count_by_state(connection, OPEN_CALLER)
    if json:
        print_json(counts)
        return
    table = Table("state", "events", "overdue")
    for state, count in counts.items():
        table.add_row(state, str(count["events"]), str(count["overdue"]))
    results.print(table)


def overdue(
    limit: int = typer.Option(50, min=1, max=1000, help="Events listed at most."),
    json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """List events whose time has run out, the newest first; exit status 1 where there are any."""
    settings = start()
    with ready_engine(settings) as engine, engine.connect() as connection:
        found = [one.shown() for one in find_events(connection, Asked(is_overdue=True, limit=limit), OPEN_CALLER)]
    if json:
        print_json(found)
    else:
        table = Table("id", "type", "state", "due", "responsible", "title")
        for one in found:
            words = (one["type"], one["state"], one["due_at"].isoformat(), one["responsible"], one["title"])
            table.add_row(str(one["id"]), *(word or "" for word in words))
        results.print(table)
    if found:
        raise typer.Exit(1)


def types(file: Path = typer.Argument(..., exists=True, dir_okay=False, help="CSV; see docs/events.md.")) -> None:
    """Replace the types of events by those of a file."""
    settings = start()
    with ready_engine(settings) as engine, engine.begin() as connection:
        count = replace_types(connection, file)
    messages.print(f"{count} types of events")


def responsibilities(
    file: Path = typer.Argument(..., exists=True, dir_okay=False, help="CSV: area_code, type_code, party, contact."),
) -> None:
    """Put a new list in force of who answers for which events where."""
    settings = start()
    with ready_engine(settings) as engine, engine.begin() as connection:
        version, count = replace_responsibilities(connection, file)
    messages.print(f"version {version} of the list: {count} rows are in force")
