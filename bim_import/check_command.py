"""``cim check``: a model against an IDS file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import typer
from rich.table import Table
from sqlalchemy import Connection, Select, select

from bim_import.header import read_header
from bim_import.ids_check import check_ids
from bim_import.originals import originals_folder, unpack
from bim_import.readable import readable_copy
from cim.commands.session import messages, print_json, ready_engine, results, start
from cim.errors import InvalidInput, NotFound
from cim.model_names import is_called
from cim.settings import Settings
from cim.tables import dataset, model


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    subject: str = typer.Argument(..., metavar="MODEL", help="An IFC file, or id, name or dataset of a model."),
    ids: Path = typer.Argument(..., exists=True, dir_okay=False, help="The IDS file."),
    json: bool = typer.Option(False, "--json", help="Print the report as JSON."),
    html: Path | None = typer.Option(None, "--html", dir_okay=False, help="Write the report as a page to this file."),
) -> None:
    """Check a model against an IDS file. Exit status 0: all requirements are met; 1: not all."""
    settings = start()
    with tempfile.TemporaryDirectory(prefix="cim-check-") as folder:
        path = Path(subject) if Path(subject).is_file() else _stored(settings, subject, Path(folder))
        header = read_header(path)
        report = check_ids(readable_copy(path, header, Path(folder)).path, ids, html)
    if json:
        print_json(report)
    else:
        _print(report)
    raise typer.Exit(0 if report["status"] else 1)


def _stored(settings: Settings, name: str, folder: Path) -> Path:
    with ready_engine(settings) as engine, engine.connect() as connection:
        file_name, original = find_original(connection, name)
    path = folder / (Path(file_name).stem + ".ifc")
    if not original or not unpack(originals_folder(settings.files), original["sha256"], path):
        raise NotFound(
            f"the file of the model '{name}' ({file_name}) is not kept here; give the path of the file in its place"
        )
    return path


def models_called(name: str) -> Select[Any]:
    """Return the statement for name of the file and record of the original of the models that are called so."""
    return (
        select(dataset.c.file_name, model.c.attributes["original"].label("original"))
        .join(dataset, dataset.c.id == model.c.dataset_id)
        .where(is_called(name))
    )


def find_original(connection: Connection, name: str) -> tuple[str, dict[str, Any] | None]:
    """Return the name of a model's file and the record of its original.

    Raises
    ------
    NotFound, InvalidInput
        If no model, or more than one, is called so.
    """
    found = connection.execute(models_called(name)).all()
    if not found:
        raise NotFound(f"there is neither a file nor a model '{name}'; 'cim query' and 'cim datasets' know the names")
    if len(found) > 1:
        raise InvalidInput(f"{len(found)} models are called '{name}'; give the name of the dataset")
    return found[0].file_name, found[0].original


def _print(report: dict[str, Any]) -> None:
    table = Table("specification", "status", "applicable", "passed")
    for one in report["specifications"]:
        status = "skipped: other schema" if one["is_skipped"] else "pass" if one["status"] else "FAIL"
        table.add_row(one["name"], status, str(one["applicable"]), str(one["passed"]))
    results.print(table)
    for one in report["specifications"]:
        for requirement in one["requirements"]:
            for failed in requirement["failed"]:
                who = f"{failed['ifc_class']} '{failed['name']}' {failed['global_id']}"
                messages.print(f"{one['name']}: {who}: {failed['reason']}", markup=False)
            if requirement["failed_count"] > len(requirement["failed"]):
                messages.print(f"{one['name']}: {requirement['failed_count']} failures in all; --json counts them")
    messages.print(f"{report['title']}: {'all requirements are met' if report['status'] else 'NOT all are met'}")
