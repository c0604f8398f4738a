"""``cim doctor``: checks the installation and says what to do."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points, version

import typer
from rich.table import Table
from sqlalchemy import text

from cim import cluster, db, schema
from cim.commands.session import print_json, results, start
from cim.errors import CimError
from cim.settings import Settings

FREE_BYTES_NEEDED = 5 * 2**30


@dataclass(frozen=True)
class Finding:
    """One check: ``remedy`` is empty when all is well."""

    check: str
    finding: str
    remedy: str = ""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(json: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """Check Python, the server's programs, the database, its extensions and revision, and the disk."""
    settings = start()
    checks: list[Callable[[Settings], list[Finding]]] = [_python, _server, _database, _importers, _disk]
    findings = [finding for check in checks for finding in check(settings)]
    if json:
        print_json([finding.__dict__ for finding in findings])
    else:
        table = Table("check", "finding", "what to do")
        for finding in findings:
            table.add_row(finding.check, finding.finding, finding.remedy or "nothing")
        results.print(table)
    raise typer.Exit(1 if any(finding.remedy for finding in findings) else 0)


def _python(_settings: Settings) -> list[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    remedy = "" if sys.version_info >= (3, 11) else "install Python 3.11 or newer"
    packages = ", ".join(f"{name} {version(name)}" for name in ("ifcopenshell", "shapely", "pyproj", "rasterio"))
    return [Finding("Python", found, remedy), Finding("libraries", packages)]


def _server(settings: Settings) -> list[Finding]:
    if settings.database_url:
        return [Finding("PostgreSQL", "an external database (CIM_DATABASE_URL)")]
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        place = cluster.locate(settings.home)
    except CimError as error:
        return [Finding("PostgreSQL", "no server programs", error.detail)]
    running = cluster.is_running(place)
    remedy = "" if running else "run 'cim init'"
    return [Finding("PostgreSQL", f"{place.binaries}, data in {place.data}, {'up' if running else 'down'}", remedy)]


def _database(settings: Settings) -> list[Finding]:
    if settings.database_url is None and not cluster.is_running(cluster.locate(settings.home)):
        return []
    try:
        engine = db.make_engine(db.database_url(settings))
        with engine.connect() as connection:
            postgis = connection.execute(text("select postgis_lib_version()")).scalar_one()
            missing = schema.missing_extensions(connection)
            revision = schema.current_revision(connection)
    except CimError as error:
        return [Finding("database", "does not answer", error.detail)]
    except Exception as error:
        return [Finding("database", type(error).__name__, "run 'cim init'; see the server's log")]
    head = schema.head_revision()
    return [
        Finding("PostGIS", str(postgis)),
        Finding(
            "extensions",
            "all there" if not missing else f"missing: {', '.join(missing)}",
            "" if not missing else "install the packages postgis and pgrouting for this server, then 'cim init'",
        ),
        Finding("schema", revision or "none", "" if revision == head else f"run 'cim init' (revision {head})"),
    ]


def _importers(_settings: Settings) -> list[Finding]:
    findings = []
    for entry in entry_points(group="cim.importers"):
        try:
            entry.load()
        except Exception as error:
            findings.append(Finding(f"importer {entry.name}", type(error).__name__, "reinstall with './run demo'"))
    return findings or [Finding("importers", "all load")]


def _disk(settings: Settings) -> list[Finding]:
    free = shutil.disk_usage(settings.home if settings.home.exists() else "/").free
    remedy = "" if free > FREE_BYTES_NEEDED else "free some disk: the district needs about 5 GB"
    return [Finding("disk", f"{free / 2**30:.0f} GB free", remedy)]
