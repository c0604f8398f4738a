"""Mobile units, where they were and where they are.

Revision 0010, after 0009. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from cim.migration_scripts import run_scripts

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SCRIPTS = ("0010_tracks",)


def upgrade() -> None:
    """Add the tables."""
    run_scripts(SCRIPTS)


def downgrade() -> None:
    """Drop them."""
    run_scripts(f"{name}_down" for name in SCRIPTS)
