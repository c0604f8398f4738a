"""Incidents: what belongs to them, in the order of time.

Revision 0013, after 0012. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from cim.migration_scripts import run_scripts

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SCRIPTS = ("0013_incidents",)


def upgrade() -> None:
    """Add the tables, and let logs of events and zones be followed."""
    run_scripts(SCRIPTS)


def downgrade() -> None:
    """Drop them; what was gathered is gone."""
    run_scripts(f"{name}_down" for name in SCRIPTS)
