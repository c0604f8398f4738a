"""``cim init``: the database is there and at this program's revision afterwards."""

from __future__ import annotations

import typer

from cim import db, schema
from cim.commands.session import messages, print_json, start


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(json: bool = typer.Option(False, "--json", help="Print the outcome as JSON.")) -> None:
    """Create or upgrade the database: a private cluster unless CIM_DATABASE_URL is set."""
    settings = start()
    settings.files.mkdir(parents=True, exist_ok=True)
    engine = db.make_engine(db.database_url(settings))
    with engine.connect() as connection:
        before = schema.current_revision(connection)
    schema.upgrade(engine)
    after = schema.head_revision()
    engine.dispose()
    kind = "external" if settings.database_url else "private"
    if json:
        print_json({"database": kind, "before": before, "revision": after})
    elif before == after:
        messages.print(f"the {kind} database is ready at revision {after}; nothing to do")
    else:
        messages.print(f"the {kind} database is ready at revision {after} (was {before or 'empty'})")
