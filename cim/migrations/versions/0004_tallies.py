"""Units counted by building and elements by model, so that an inventory need not count each.

Revision 0004, after 0003. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"
SCRIPTS = ("0004_units", "0004_elements")


def upgrade() -> None:
    """Add the tallies and the triggers that keep them."""
    _run("{}.sql", SCRIPTS)


def downgrade() -> None:
    """Drop them."""
    _run("{}_down.sql", SCRIPTS[::-1])


def _run(form: str, names: tuple[str, ...]) -> None:
    """Run the scripts of many statements: without parameters psycopg sends each as it is."""
    connection = op.get_bind()
    connection.exec_driver_sql("set local search_path to cim, public")
    for name in names:
        script = (SQL / form.format(name)).read_text(encoding="utf-8")
        connection.connection.dbapi_connection.execute(script.encode())  # type: ignore[union-attr]
