"""Other services are told of events.

Revision 0011, after 0010. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from cim.migration_scripts import run_scripts

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SCRIPTS = ("0011_webhooks",)


def upgrade() -> None:
    """Add the tables."""
    run_scripts(SCRIPTS)


def downgrade() -> None:
    """Drop them."""
    run_scripts(f"{name}_down" for name in SCRIPTS)
