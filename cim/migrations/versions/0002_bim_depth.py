"""What BIM models say in depth: groups, facilities, alignments and links of elements; shapes by content.

Revision 0002, after 0001. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from cim.migration_scripts import run_scripts

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCRIPTS = ("0002_shapes", "0002_meaning")


def upgrade() -> None:
    """Add the tables and columns."""
    run_scripts(SCRIPTS)


def downgrade() -> None:
    """Drop them and what they hold."""
    run_scripts(f"{name}_down" for name in SCRIPTS)
