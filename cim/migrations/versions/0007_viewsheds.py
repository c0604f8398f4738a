"""Viewsheds of cameras are stored, and marked when what they rest on changes.

Revision 0007, after 0006. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from cim.migration_scripts import run_scripts

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SCRIPTS = ("0007_viewsheds",)


def upgrade() -> None:
    """Add the table and the triggers that mark what changes."""
    run_scripts(SCRIPTS)


def downgrade() -> None:
    """Drop them."""
    run_scripts(f"{name}_down" for name in SCRIPTS)
