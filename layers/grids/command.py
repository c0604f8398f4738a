"""``cim grids``: management grids checked, merged, and traced."""

from __future__ import annotations

from datetime import UTC, datetime

import typer
from rich.table import Table

from cim.commands.session import messages, print_json, ready_engine, results, start
from layers.grids.cells import check_grid, count_cells, grid_names
from layers.grids.lineage import trace_cell
from layers.grids.merging import merge_grids

MIN_AREA_M2 = 2_000.0


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="Management grids: check, merge, trace.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("check")(check)
    group.command("merge")(merge)
    group.command("trace")(trace)
    app.add_typer(group, name="grids")


def list_(json: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """List the grids with the number of cells in force."""
    settings = start()
    with ready_engine(settings) as engine, engine.connect() as connection:
        counts = count_cells(connection)
    if json:
        print_json(counts)
        return
    table = Table("grid", "cells")
    for name, count in counts.items():
        table.add_row(name, str(count))
    results.print(table)


def check(
    grid: list[str] | None = typer.Argument(None, help="Names of grids; all of them without."),
    json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """List overlaps, gaps and edges that neighbours do not share; exit status 1 where there are any."""
    settings = start()
    with ready_engine(settings) as engine, engine.connect() as connection:
        found = {name: check_grid(connection, name) for name in grid or grid_names(connection)}
    if json:
        print_json({name: [fault._asdict() for fault in faults] for name, faults in found.items()})
    for name, faults in found.items():
        for fault in faults if not json else ():
            results.print(f"{name}: {fault.message}", markup=False)
        messages.print(f"{name}: {len(faults)} faults" if faults else f"{name}: clean", markup=False)
    if any(found.values()):
        raise typer.Exit(1)


def merge(
    grids: list[str] = typer.Argument(..., help="Names of the grids to merge, e.g. three of them."),
    into: str = typer.Option(..., help="Name of the new grid."),
    begins: datetime = typer.Option(None, "--from", help="From when it is in force; now without."),
    min_area: float = typer.Option(MIN_AREA_M2, help="Parts smaller than this (m2) join a neighbour.", min=0),
    json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """Make one clean grid of several, end the old ones, and hand their open events over."""
    settings = start()
    begin = (begins or datetime.now(UTC)).astimezone()
    with ready_engine(settings) as engine, engine.begin() as connection:
        done = merge_grids(connection, grids, into, metric_crs=settings.metric_crs, begins=begin, min_area_m2=min_area)
    if json:
        print_json(done._asdict())
        return
    was = ", ".join(f"{count} of '{name}'" for name, count in done.old.items())
    messages.print(f"'{into}' has {len(done.codes)} cells, from {was}; {done.events} events have another cell now")
    for message in done.faults:
        messages.print(f"not clean: {message}", markup=False)


def trace(
    grid: str = typer.Argument(..., help="Name of the grid."),
    code: str = typer.Argument(..., help="Code of the cell."),
    json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """Show from which cells a cell came and into which it went."""
    settings = start()
    with ready_engine(settings) as engine, engine.connect() as connection:
        found = trace_cell(connection, grid, code)
    if json:
        print_json(found)
        return
    table = Table("", "grid", "code", "share of the new cell", "share of the old cell")
    for word in ("from", "into"):
        for row in found[word]:
            table.add_row(word, row["grid"], row["code"], f"{row['share']:.1%}", f"{row['share_of_old']:.1%}")
    results.print(table)
