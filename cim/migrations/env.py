"""Alembic's environment: always on a connection that the caller gives."""

from alembic import context

from cim.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table_schema="public",
    version_table="cim_migration",
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
