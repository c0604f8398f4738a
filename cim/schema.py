"""The database's schema: made, upgraded and checked through Alembic, without a configuration file."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.exc import ProgrammingError

from cim.errors import DatabaseNotReady, DatabaseUnavailable
from cim.tables import layer

MIGRATIONS = Path(__file__).parent / "migrations"


def configuration(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, bound to a connection."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to a revision and the standard catalogue up to date, in one transaction."""
    with engine.begin() as connection:
        # Two processes that start at once must not both migrate.
        connection.execute(text("select pg_advisory_xact_lock(hashtext('cim.schema'))"))
        _create_extensions(connection)
        command.upgrade(configuration(connection), revision)
        for seed in entry_points(group="cim.after_init"):
            seed.load()(connection)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to a revision ('base': nothing is left)."""
    with engine.begin() as connection:
        command.downgrade(configuration(connection), revision)


def current_revision(connection: Connection) -> str | None:
    """Return the revision of the database, or None for a database without the model."""
    return MigrationContext.configure(
        connection, opts={"version_table_schema": "public", "version_table": "cim_migration"}
    ).get_current_revision()


def head_revision() -> str:
    """Return the newest revision of this version of the program."""
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    assert head is not None
    return head


def require_ready(connection: Connection) -> None:
    """Refuse to work on a database that is not at this program's revision.

    Raises
    ------
    DatabaseNotReady
    """
    found = current_revision(connection)
    if found != head_revision():
        raise DatabaseNotReady(
            f"the database is at revision {found or 'none'}, this program needs {head_revision()}; run 'cim init'",
            "database_revision", found=found or "none", needed=head_revision(),
        )  # fmt: skip
    connection.execute(select(layer.c.id).limit(1))


def _create_extensions(connection: Connection) -> None:
    for name in ("postgis", "pg_trgm", "pgrouting"):
        try:
            with connection.begin_nested():
                connection.execute(text(f'create extension if not exists "{name}"'))  # a constant of this loop
        except Exception as error:
            raise DatabaseUnavailable(
                f"the database lacks the extension '{name}': install its package on the database server and have "
                f"an administrator run: create extension {name};",
                "database_lacks_extension", name=name,
            ) from error  # fmt: skip


def missing_extensions(connection: Connection) -> list[str]:
    """Return the names of needed extensions that the database does not have."""
    wanted = {"postgis", "pg_trgm", "pgrouting"}
    try:
        found = connection.execute(text("select extname from pg_extension")).scalars()
    except ProgrammingError:
        return sorted(wanted)
    return sorted(wanted - set(found))
