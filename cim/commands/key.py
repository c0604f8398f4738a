"""``cim key``: keys of callers, with role and area."""

from __future__ import annotations

import typer
from rich.table import Table

from cim import keys
from cim.commands.session import messages, print_json, ready_engine, results, start


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="Create, list and revoke keys of callers.", no_args_is_help=True)
    group.command("create")(create)
    group.command("list")(list_)
    group.command("revoke")(revoke)
    app.add_typer(group, name="key")


def create(
    role: str = typer.Option(..., help="viewer, service, planner, commander or admin."),
    area: str | None = typer.Option(None, help="A prefix of grid codes that limits the key, e.g. 440307001."),
    note: str | None = typer.Option(None, help="Whose key it is."),
    json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """Create a key and print it, once. From the first key on, every request needs one."""
    settings = start()
    with ready_engine(settings) as engine, engine.begin() as connection:
        key = keys.create_key(connection, role, area, note)
    if json:
        print_json({"key": key, "role": role, "area": area})
        return
    messages.print("keep it now; it is stored as a hash only and cannot be shown again:")
    results.print(key)


def list_(json: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """List the keys by their first letters."""
    settings = start()
    with ready_engine(settings) as engine, engine.connect() as connection:
        rows = connection.execute(keys.list_keys()).mappings().all()
    if json:
        print_json([dict(row) for row in rows])
        return
    table = Table("begins with", "role", "area", "note", "created", "revoked")
    for row in rows:
        revoked = f"{row['revoked_at']:%Y-%m-%d %H:%M}" if row["revoked_at"] else ""
        created = f"{row['created_at']:%Y-%m-%d %H:%M}"
        table.add_row(row["prefix"], row["role"], row["area_code"] or "", row["note"] or "", created, revoked)
    results.print(table)


def revoke(prefix: str = typer.Argument(..., help="The key's first letters, as 'cim key list' shows them.")) -> None:
    """Revoke a key; running services refuse it within seconds."""
    settings = start()
    with ready_engine(settings) as engine, engine.begin() as connection:
        keys.revoke_key(connection, prefix)
    messages.print(f"revoked: {prefix}")
