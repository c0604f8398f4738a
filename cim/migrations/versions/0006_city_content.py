"""Contents of the city's 3D Tiles are stored.

Revision 0006, after 0005. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from cim.migration_scripts import run_scripts

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SCRIPTS = ("0006_city_content",)


def upgrade() -> None:
    """Add the table."""
    run_scripts(SCRIPTS)


def downgrade() -> None:
    """Drop it."""
    run_scripts(f"{name}_down" for name in SCRIPTS)
