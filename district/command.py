"""``cim district make``: writes the synthetic district as ordinary files."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from district.make import Half, OnStep

SEED = 20260301


class ScaleName(StrEnum):
    """Sizes that can be asked for."""

    SAMPLE = "sample"
    PILOT = "pilot"
    FULL = "full"


class HalfName(StrEnum):
    """Halves that can be written alone."""

    GIS = "gis"
    IFC = "ifc"


def register(app: typer.Typer) -> None:
    """Add ``district`` to the command line."""
    district = typer.Typer(help="The synthetic district.", no_args_is_help=True)
    district.callback()(_district)
    district.command("make")(make)
    app.add_typer(district, name="district")


def _district() -> None:
    """Make the synthetic district, with planted faults, to try things on."""


def make(
    directory: Annotated[
        Path, typer.Argument(help="Folder to write; files of an earlier run are replaced.", file_okay=False)
    ],
    scale: Annotated[
        ScaleName, typer.Option(help="pilot: 26.29 km2; full: 388 km2; sample: 4.8 km2.")
    ] = ScaleName.PILOT,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same district.")] = SEED,
    only: Annotated[HalfName | None, typer.Option(help="Write only the GIS files or only the IFC models.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes that author IFC models.")] = os.cpu_count() or 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON summary to stdout.")] = False,
) -> None:
    """Write the synthetic district as ordinary GIS, register, raster and IFC files, with a truth.json."""
    # The generator's libraries take a second to load, which no other command should pay for.
    from district.make import make_district
    from district.scales import SCALES

    half: Half | None = only.value if only else None
    chatter = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=chatter, disable=not chatter.is_terminal, transient=True) as progress:
        on_step = _reporter(progress, chatter)
        summary = make_district(directory, SCALES[scale.value], seed, half, processes, on_step)
    if as_json:
        typer.echo(json.dumps(summary, ensure_ascii=False))
        return
    table = Table("file", "rows", title=f"{directory}: {summary['seconds']} s, {summary['faults']} planted faults")
    table.columns[1].justify = "right"
    for name, rows in summary["files"].items():
        table.add_row(name, f"{rows:,}")
    Console().print(table)


def _reporter(progress: Progress, console: Console) -> OnStep:
    """Report steps: a bar on a terminal, plain lines in a pipe."""
    task = progress.add_task("starting", total=1.0)

    def on_step(step: str, share: float) -> None:
        progress.update(task, description=step, completed=share)
        if not console.is_terminal:
            console.print(f"district: {step}", highlight=False)

    return on_step
