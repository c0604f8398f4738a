"""``cim address``: which building and unit an address means; one, or a file of them."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import tee
from pathlib import Path
from typing import Any, TextIO

import typer
from rich.table import Table

from cim.commands.session import messages, print_json, ready_engine, results, start
from cim.errors import InvalidFile, InvalidInput
from layers.addresses.answer import find
from layers.addresses.many import find_many

_COLUMNS = ("地址", "详细地址", "标准地址", "address", "addr")
_ADDED = ("status", "score", "building_code", "building_address", "unit_code", "reason")

FindAll = Callable[[Iterable[str]], Iterator[dict[str, Any]]]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("address")(address)


def address(
    text: str | None = typer.Argument(None, help="An address, in Chinese or typed in pinyin."),
    file: Path | None = typer.Option(None, "--csv", exists=True, dir_okay=False, help="A CSV (UTF-8) with addresses."),
    column: str | None = typer.Option(None, help="The column with the addresses; found by its name otherwise."),
    json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """Find the building and the unit that an address means, with score and reasons.

    With --csv the rows come out on standard output with status, score, codes and reason behind them. Exit status 0:
    every address has its building; 3: some have none, or several.
    """
    if (text is None) == (file is None):
        raise InvalidInput("give one address, or a file with --csv FILE")
    with ready_engine(start()) as engine:
        if file is not None:
            with file.open(encoding="utf-8-sig", newline="") as opened:
                missed = match_file(partial(find_many, engine), opened, sys.stdout, column)
            messages.print(f"{missed} addresses have no building of their own" if missed else "every address is found")
            raise typer.Exit(3 if missed else 0)
        with engine.connect() as connection:
            [found] = find(connection, [str(text)])
    if json:
        print_json(found)
    else:
        _show(found)
    raise typer.Exit(0 if found["status"] == "matched" else 3)


def match_file(find_all: FindAll, source: TextIO, target: TextIO, column: str | None = None) -> int:
    """Copy a CSV and add what each address means; return how many have no building of their own.

    Parameters
    ----------
    find_all
        Yields what each address means, in their order.

    Raises
    ------
    InvalidFile
        Without a header, or without the column.
    """
    reader = csv.DictReader(source)
    header = list(reader.fieldnames or ())
    name = column or next((known for known in header if known.strip().casefold() in _COLUMNS), None)
    if name is None or name not in header:
        raise InvalidFile(
            f"no column '{column or ' or '.join(_COLUMNS)}' among {', '.join(header)[:300]}; say which with --column"
        )
    writer = csv.DictWriter(target, [*header, *_ADDED], extrasaction="ignore")
    writer.writeheader()
    missed = 0
    rows, asked = tee(reader)
    for row, found in zip(rows, find_all(one[name] or "" for one in asked), strict=True):
        missed += found["status"] != "matched"
        writer.writerow(row | _cells(found))
    return missed


def _cells(found: dict[str, Any]) -> dict[str, Any]:
    home, room = found["building"] or {}, found["unit"] or {}
    reason = "; ".join(f"{one['part']}: {one['how']}" for one in found["reasons"] if one["how"] != "same")
    return dict(
        zip(
            _ADDED,
            (found["status"], found["score"], home.get("code"), home.get("address"), room.get("code"), reason),
            strict=True,
        )
    )


def _show(found: dict[str, Any]) -> None:
    home, room = found["building"], found["unit"]
    results.print(f"{found['status']}, score {found['score']}", markup=False)
    if home:
        results.print(f"building {home['code'] or home['id']}: {home['address'] or home['name']}", markup=False)
    if room:
        results.print(f"unit {room['code'] or room['id']}: {room['address'] or room['room']}", markup=False)
    table = Table("part", "asked", "found", "how")
    for reason in found["reasons"]:
        table.add_row(reason["part"], reason["asked"], reason["found"] or "", reason["how"])
    if found["reasons"]:
        results.print(table)
    if not home:
        for candidate in found["candidates"]:
            results.print(f"  {candidate['score']}  {candidate['address'] or candidate['name']}", markup=False)
