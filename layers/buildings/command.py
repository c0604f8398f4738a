"""``cim conflicts``: where the sources of a building disagree, and what a person decides."""

from __future__ import annotations

from typing import Any

import orjson
import typer
from rich.table import Table

from cim.access import OPEN_CALLER
from cim.commands.session import print_json, ready_engine, results, start
from cim.errors import InvalidInput
from layers.buildings.conflicts import MAX_LIMIT, ConflictsQuery, list_conflicts, reopen_conflict, settle_conflict

_JSON = typer.Option(False, "--json", help="Print as JSON.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Where sources disagree about a building, the worst first.", invoke_without_command=True)
    group.callback()(conflicts)
    group.command("settle")(settle)
    group.command("reopen")(reopen)
    app.add_typer(group, name="conflicts")


def conflicts(
    context: typer.Context,
    field: str | None = typer.Option(None, help="Only of this field, such as height_m."),
    status: str = typer.Option("open", help="open, settled or all."),
    min_severity: float = typer.Option(0.0, min=0, max=1, help="Only from this severity on."),
    limit: int = typer.Option(50, min=1, help="At most so many."),
    json: bool = _JSON,
) -> None:
    """List conflicts with what each source says."""
    if context.invoked_subcommand is not None:
        return
    found: list[dict[str, Any]] = []
    cursor = None
    with ready_engine(start()) as engine, engine.connect() as connection:
        while len(found) < limit:
            query = ConflictsQuery(
                field,
                None if status == "all" else status,
                min_severity,
                limit=min(limit - len(found), MAX_LIMIT),
                cursor=cursor,
            )
            page = list_conflicts(connection, query, OPEN_CALLER)
            found += page["conflicts"]
            cursor = page["next"]
            if cursor is None:
                break
    if json:
        print_json(found)
        return
    table = Table("id", "severity", "building", "field", "what they say", "chosen", "status")
    for entry in found:
        said = "; ".join(f"{value['value']} ({value['dataset']})" for value in entry["values"])
        house = entry["building"]["code"] or entry["building"]["name"] or str(entry["building_id"])
        chosen = "" if entry["chosen"] is None else str(entry["chosen"])
        table.add_row(
            str(entry["id"]), f"{entry['severity']:.2f}", house, entry["field"], said, chosen, entry["status"]
        )
    results.print(table)
    if cursor is not None:
        results.print(f"{len(found)} shown, there are more; --limit shows them")


def settle(
    conflict_id: int = typer.Argument(help="The conflict's id."),
    by: str = typer.Option(..., "--by", help="Who decides."),
    value: str | None = typer.Option(None, "--value", help="The right value."),
    source: int | None = typer.Option(None, "--source", help="The id of the source that is right."),
    json: bool = _JSON,
) -> None:
    """Decide a conflict; the building's record follows, and later imports keep to it."""
    if (value is None) == (source is None):
        raise InvalidInput("say either --value or --source")
    settings = start()
    with ready_engine(settings) as engine, engine.begin() as connection:
        answer = settle_conflict(
            connection,
            conflict_id,
            OPEN_CALLER,
            by=by,
            files=settings.files,
            value=_read(value),
            source_id=source,
        )
    _tell(answer, json)


def reopen(conflict_id: int = typer.Argument(help="The conflict's id."), json: bool = _JSON) -> None:
    """Take a decision back; the rules choose again."""
    settings = start()
    with ready_engine(settings) as engine, engine.begin() as connection:
        answer = reopen_conflict(connection, conflict_id, OPEN_CALLER, settings.files)
    _tell(answer, json)


def _tell(answer: dict[str, Any], json: bool) -> None:
    if json:
        print_json(answer)
    else:
        results.print(f"{answer['status']}: {answer['field']} is {answer['chosen']}")


def _read(value: str | None) -> Any:
    """Return a number where the text is one; texts need no quotes."""
    if value is None:
        return None
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
    return found if isinstance(found, int | float) and not isinstance(found, bool) else value
