"""Sensors as SensorThings entities, and thresholds of readings.

Revision 0009, after 0008. The SQL is frozen in ``migrations/sql``; a test compares its outcome with ``cim.tables``.
"""

from cim.migration_scripts import run_scripts

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SCRIPTS = ("0009_sensors",)


def upgrade() -> None:
    """Add the tables and columns."""
    run_scripts(SCRIPTS)


def downgrade() -> None:
    """Drop them."""
    run_scripts(f"{name}_down" for name in SCRIPTS)
