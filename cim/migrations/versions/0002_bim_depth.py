"""What BIM models say in depth: groups, facilities, alignments and links of elements; shapes by content.

Revision 0002, after 0001. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"
SCRIPTS = ("0002_shapes", "0002_meaning")


def upgrade() -> None:
    """Add the tables and columns."""
    _run("{}.sql")


def downgrade() -> None:
    """Drop them and what they hold."""
    _run("{}_down.sql")


def _run(form: str) -> None:
    """Run the scripts of many statements: without parameters psycopg sends each as it is."""
    connection = op.get_bind()
    connection.exec_driver_sql("set local search_path to cim, public")
    for name in SCRIPTS:
        script = (SQL / form.format(name)).read_text(encoding="utf-8")
        connection.connection.dbapi_connection.execute(script.encode())  # type: ignore[union-attr]
