"""Events have types, clocks, parties that answer for them, and a place down to the room.

Revision 0008, after 0007. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from cim.migration_scripts import run_scripts

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SCRIPTS = ("0008_events",)


def upgrade() -> None:
    """Add the tables and columns."""
    run_scripts(SCRIPTS)


def downgrade() -> None:
    """Drop them."""
    run_scripts(f"{name}_down" for name in SCRIPTS)
