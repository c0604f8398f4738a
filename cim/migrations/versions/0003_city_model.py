"""The city model: private coordinate systems, addresses, topology of networks, versions of grids.

Revision 0003, after 0002. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from cim.migration_scripts import run_scripts

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCRIPTS = ("0003_sources", "0003_addresses", "0003_buildings", "0003_networks", "0003_grids")


def upgrade() -> None:
    """Add the tables and columns."""
    run_scripts(SCRIPTS)


def downgrade() -> None:
    """Drop them and what they hold."""
    run_scripts(f"{name}_down" for name in SCRIPTS[::-1])
