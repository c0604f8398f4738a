"""``cim worker``: runs queued jobs."""

from __future__ import annotations

import typer

from cim import jobs
from cim.commands.session import messages, ready_engine, start


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("worker")(worker)


def worker(
    until_idle: bool = typer.Option(False, "--until-idle", help="Stop when no job is left."),
) -> None:
    """Run queued jobs; start as many workers as there are machines to spare, each needs only the database."""
    settings = start()
    with ready_engine(settings) as engine:
        url = engine.url.render_as_string(hide_password=False)
    messages.print("worker: waiting for jobs; Ctrl-C ends it after the current one")
    jobs.work(url, until_idle=until_idle)
