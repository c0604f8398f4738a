"""``cim webhooks``: other services that are told of events, and what they were told."""

from __future__ import annotations

import asyncio

import typer
from rich.table import Table

from cim.access import OPEN_CALLER
from cim.commands.session import messages, print_json, ready_engine, results, start
from cim.errors import InvalidInput
from layers.live.webhooks.target import check_target
from layers.live.webhooks.webhooks import (
    STEPS,
    Wish,
    add_webhook,
    list_deliveries,
    list_webhooks,
    remove_webhook,
    resend,
)


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="Webhooks: other services that are told of events.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("add")(add)
    group.command("remove")(remove)
    group.command("deliveries")(deliveries)
    group.command("resend")(resend_)
    app.add_typer(group, name="webhooks")


def list_(json: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """List the webhooks, and how many deliveries of each wait, were made and given up."""
    settings = start()
    with ready_engine(settings) as engine, engine.connect() as connection:
        found = list_webhooks(connection, OPEN_CALLER)
    if json:
        print_json(found)
        return
    table = Table("id", "name", "url", "types", "steps", "severity", "area", "waiting", "delivered", "given up")
    for one in found:
        words = (one["name"] or "", one["url"], ",".join(one["types"]), ",".join(one["steps"]))
        counts = (str(one["deliveries"][state]) for state in ("waiting", "delivered", "given_up"))
        table.add_row(str(one["id"]), *words, str(one["severity"] or ""), one["area_code"] or "", *counts)
    results.print(table)


def add(
    url: str = typer.Argument(..., help="https://host/path"),
    name: str | None = typer.Option(None, help="Whose it is."),
    types: str = typer.Option("", help="Beginnings of codes of types, by commas; all without."),
    steps: str = typer.Option("", help=f"Some of {', '.join(STEPS)}, by commas; all without."),
    severity: int | None = typer.Option(None, min=1, max=4, help="The least grave one; 1 is the gravest."),
    area: str | None = typer.Option(None, help="A beginning of codes of areas."),
    bbox: str | None = typer.Option(None, help="west,south,east,north in degrees."),
    json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """Add a webhook and print its secret, once."""
    settings = start()
    asyncio.run(check_target(url, settings.webhook_targets))
    wish = Wish(url, name, _words(types), _words(steps), severity, area, _box(bbox))
    with ready_engine(settings) as engine, engine.begin() as connection:
        made = add_webhook(connection, wish, OPEN_CALLER)
    if json:
        print_json(made)
        return
    messages.print(f"webhook {made['id']}; keep its secret now, it cannot be shown again:")
    results.print(made["secret"])


def remove(number: int = typer.Argument(..., help="Its id, as 'cim webhooks list' shows it.")) -> None:
    """Remove a webhook, with what it has not been told yet."""
    settings = start()
    with ready_engine(settings) as engine, engine.begin() as connection:
        remove_webhook(connection, number, OPEN_CALLER)
    messages.print(f"removed: webhook {number}")


def deliveries(
    number: int = typer.Argument(..., help="Its id, as 'cim webhooks list' shows it."),
    state: str | None = typer.Option(None, help="waiting, delivered or given_up."),
    limit: int = typer.Option(50, min=1, max=1000, help="Deliveries listed at most."),
    json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """List what a webhook was told, newest first."""
    settings = start()
    with ready_engine(settings) as engine, engine.connect() as connection:
        found = list_deliveries(connection, number, OPEN_CALLER, state=state, limit=limit)
    if json:
        print_json(found)
        return
    table = Table("id", "event", "step", "state", "attempts", "status", "next or end", "error")
    for one in found:
        when = one["finished_at"] or one["due_at"]
        words = (
            one["step"],
            one["state"],
            str(one["attempts"]),
            str(one["status_code"] or ""),
            f"{when:%m-%d %H:%M:%S}",
        )
        table.add_row(str(one["id"]), str(one["event_id"] or ""), *words, one["error"] or "")
    results.print(table)


def resend_(
    number: int = typer.Argument(..., help="Its id, as 'cim webhooks list' shows it."),
    delivery: int | None = typer.Option(None, help="Only this one, by the id that 'deliveries' shows; all without."),
) -> None:
    """Let a webhook be told again what was given up; a running service sends it within seconds, once."""
    settings = start()
    with ready_engine(settings) as engine, engine.begin() as connection:
        count = resend(connection, number, OPEN_CALLER, delivery)
    messages.print(f"{count} deliveries of webhook {number} are sent again")


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _box(text: str | None) -> tuple[float, float, float, float] | None:
    if text is None:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidInput(f"bbox is '{text[:80]}'; write west,south,east,north in degrees") from None
    return west, south, east, north
