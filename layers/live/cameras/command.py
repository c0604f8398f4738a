"""``cim viewsheds``: what cameras see, computed for all whose viewshed is missing or no longer holds."""

from __future__ import annotations

import time

import typer

from cim.commands.progress import shown_progress
from cim.commands.session import messages, print_json, ready_engine, start
from layers.live.cameras.batch import compute_viewsheds, plan_viewsheds
from layers.live.cameras.kept import Ground


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("viewsheds")(viewsheds)


def viewsheds(
    workers: int = typer.Option(2, min=1, max=64, help="Processes."),
    anew: bool = typer.Option(False, "--all", help="Compute those anew that still hold."),
    json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """Compute what cameras see and keep it; broken off, it goes on where it ended."""
    settings = start()
    began = time.perf_counter()
    done = 0
    with ready_engine(settings) as engine:
        plan = plan_viewsheds(engine, settings.metric_crs, anew=anew)
        ground = Ground(settings.files, settings.metric_crs)
        with shown_progress() as progress:
            for count in compute_viewsheds(engine, ground, plan, workers=workers):
                done += count
                progress("viewsheds", done, plan.total)
    seconds = time.perf_counter() - began
    if json:
        print_json({"computed": done, "seconds": round(seconds, 1)})
    else:
        messages.print(f"{done} viewsheds computed in {seconds:.1f} s; what still held stayed")
