"""Tiles are stored, changes mark them, and small scales are made of sums.

Revision 0005, after 0004. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from cim.migration_scripts import run_scripts

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SCRIPTS = ("0005_tiles",)


def upgrade() -> None:
    """Add the tables and the triggers that mark what changes."""
    run_scripts(SCRIPTS)


def downgrade() -> None:
    """Drop them."""
    run_scripts(f"{name}_down" for name in SCRIPTS)
