"""The city model: private coordinate systems, addresses, topology of networks, versions of grids.

Revision 0003, after 0002. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"
SCRIPTS = ("0003_sources", "0003_addresses", "0003_buildings", "0003_networks", "0003_grids")


def upgrade() -> None:
    """Add the tables and columns."""
    _run("{}.sql", SCRIPTS)


def downgrade() -> None:
    """Drop them and what they hold."""
    _run("{}_down.sql", SCRIPTS[::-1])


def _run(form: str, names: tuple[str, ...]) -> None:
    """Run the scripts of many statements: without parameters psycopg sends each as it is."""
    connection = op.get_bind()
    connection.exec_driver_sql("set local search_path to cim, public")
    for name in names:
        script = (SQL / form.format(name)).read_text(encoding="utf-8")
        connection.connection.dbapi_connection.execute(script.encode())  # type: ignore[union-attr]
