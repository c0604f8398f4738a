"""The first schema: all tables of the model, the history of objects, the job queue.

Revision 0001, after none. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from pathlib import Path

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Make the schema."""
    connection = op.get_bind()
    connection.exec_driver_sql("create schema if not exists cim")
    connection.exec_driver_sql("set local search_path to cim, public")
    for name in ("0001_tables.sql", "0001_history.sql"):
        _run(connection, (SQL / name).read_text(encoding="utf-8"))
    _run(connection, SchemaManager.get_schema())


def downgrade() -> None:
    """Drop it, data and all."""
    op.get_bind().exec_driver_sql("drop schema cim cascade")


def _run(connection, script: str) -> None:  # type: ignore[no-untyped-def]
    """Run a script of many statements: without parameters psycopg sends it as it is."""
    connection.connection.dbapi_connection.execute(script.encode())
