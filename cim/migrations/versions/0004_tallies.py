"""Units counted by building and elements by model, so that an inventory need not count each.

Revision 0004, after 0003. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from cim.migration_scripts import run_scripts

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCRIPTS = ("0004_tallies",)


def upgrade() -> None:
    """Add the tallies and the triggers that keep them."""
    run_scripts(SCRIPTS)


def downgrade() -> None:
    """Drop them."""
    run_scripts(f"{name}_down" for name in SCRIPTS)
