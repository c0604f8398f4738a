"""The SQL of migrations, frozen in ``migrations/sql``: how a revision runs its scripts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from alembic import op

from cim.db import driver

_FOLDER = Path(__file__).parent / "migrations" / "sql"


def run_scripts(names: Iterable[str]) -> None:
    """Run scripts (names without ``.sql``) one after the other in the migration's transaction."""
    op.get_bind().exec_driver_sql("set local search_path to cim, public")
    for name in names:
        run_script((_FOLDER / f"{name}.sql").read_text(encoding="utf-8"))


def run_script(script: str) -> None:
    """Run a script of many statements: without parameters psycopg sends it as it is."""
    driver(op.get_bind()).execute(script.encode())
