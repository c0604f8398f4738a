"""Events that wait for something, by their place.

Revision 0014, after 0013. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from cim.migration_scripts import run_scripts

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SCRIPTS = ("0014_open_events",)


def upgrade() -> None:
    """Add the index."""
    run_scripts(SCRIPTS)


def downgrade() -> None:
    """Drop it."""
    run_scripts(f"{name}_down" for name in SCRIPTS)
