"""Receipts of analyses are kept, so that they can be asked again.

Revision 0012, after 0011. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from cim.migration_scripts import run_scripts

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SCRIPTS = ("0012_receipts",)


def upgrade() -> None:
    """Add the table."""
    run_scripts(SCRIPTS)


def downgrade() -> None:
    """Drop it."""
    run_scripts(f"{name}_down" for name in SCRIPTS)
