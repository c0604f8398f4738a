"""``cim networks``: what is wrong in the networks, and their graphs made anew."""

from __future__ import annotations

from typing import Any

import typer
from rich.table import Table

from cim.access import OPEN_CALLER
from cim.commands.session import print_json, ready_engine, results, start
from cim.errors import NotFound
from layers.networks.connect import connect_pipes, connect_roads
from layers.networks.findings import KINDS, find_findings, summarise
from layers.networks.pipes import networks_of
from layers.networks.roads import ROADS

_NETWORK = typer.Option(None, "--network", help="Only this one: water, sewer, drainage, gas, power, heat, roads.")
_JSON = typer.Option(False, "--json", help="Print as JSON.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Pipes and roads as graphs.", no_args_is_help=True)
    group.command("check")(check)
    group.command("connect")(connect)
    app.add_typer(group, name="networks")


def check(
    network: str | None = _NETWORK,
    kind: str | None = typer.Option(None, "--kind", help=f"Only these findings: {', '.join(KINDS)}."),
    limit: int = typer.Option(10_000, "--limit", min=1, help="Most findings to list."),
    json: bool = _JSON,
) -> None:
    """List what is wrong or doubtful in the networks: ends without a node, orphans, crossings, duplicates."""
    if kind is not None and kind not in KINDS:
        raise NotFound(f"there are no findings of the kind '{kind}'; there are: {', '.join(KINDS)}")
    with ready_engine(start()) as engine, engine.connect() as connection:
        summary = summarise(connection, OPEN_CALLER, network)
        found = find_findings(connection, OPEN_CALLER, network, kind, limit)
    if json:
        print_json({"summary": summary, "findings": found})
        return
    _print(["network", "kind", "count", "means"], summary)
    _print(["network", "kind", "source_key", "detail", "longitude", "latitude"], found)


def connect(
    network: str | None = _NETWORK,
    snap: float | None = typer.Option(None, "--snap", min=0.0001, max=50, help="Metres; else CIM_SNAP_TOLERANCE_M."),
    json: bool = _JSON,
) -> None:
    """Make the graphs of the networks anew, for instance with another tolerance."""
    settings = start()
    tolerance_m = snap or settings.snap_tolerance_m
    with ready_engine(settings) as engine:
        with engine.connect() as connection:
            known = [*networks_of(connection), ROADS]
        if network is not None and network not in known:
            raise NotFound(f"there is no network '{network}'; there are: {', '.join(known)}")
        made = []
        for name in known if network is None else [network]:
            with engine.begin() as connection:
                if name == ROADS:
                    findings = connect_roads(connection, tolerance_m)
                else:
                    findings = connect_pipes(connection, name, tolerance_m)
            made.append({"network": name, "snap_tolerance_m": tolerance_m, "findings": len(findings)})
    if json:
        print_json(made)
        return
    _print(["network", "snap_tolerance_m", "findings"], made)


def _print(columns: list[str], rows: list[dict[str, Any]]) -> None:
    table = Table(*columns)
    for row in rows:
        table.add_row(*("" if row[name] is None else str(row[name]) for name in columns))
    results.print(table)
