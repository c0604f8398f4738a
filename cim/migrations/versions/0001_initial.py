"""The first schema: all tables of the model, the history of objects, the job queue.

Revision 0001, after none. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from alembic import op
from procrastinate.schema import SchemaManager

from cim.migration_scripts import run_script, run_scripts

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the schema."""
    op.get_bind().exec_driver_sql("create schema if not exists cim")
    run_scripts(("0001_tables", "0001_history"))
    run_script(SchemaManager.get_schema())


def downgrade() -> None:
    """Drop it, data and all."""
    op.get_bind().exec_driver_sql("drop schema cim cascade")
