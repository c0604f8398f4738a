"""The migration's frozen SQL and the tables' definition say the same, up and down."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from cim import schema
from cim.tables import metadata

OWN_TABLES = {table.name for table in metadata.sorted_tables}


def _is_ours(_object: object, name: str | None, kind: str, _reflected: bool, _compare_to: object) -> bool:
    return kind != "table" or name in OWN_TABLES


def test_migrations_make_the_defined_schema(engine: Engine) -> None:
    with engine.connect() as connection:
        # Alembic leaves out the names of the default schema; ours must not be the default one here.
        connection.execute(text("set search_path to public"))
        connection.dialect.default_schema_name = "public"
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_object": _is_ours,
                "include_name": lambda name, kind, _parents: kind != "schema" or name == "cim",
                "compare_type": True,
                "target_metadata": metadata,
            },
        )
        differences = compare_metadata(context, metadata)
    assert differences == []


def test_down_leaves_nothing_and_up_again_works(engine: Engine) -> None:
    schema.downgrade(engine, "base")
    assert "cim" not in inspect(engine).get_schema_names()
    schema.upgrade(engine)
    with engine.connect() as connection:
        schema.require_ready(connection)
        assert schema.missing_extensions(connection) == []


def test_history_keeps_earlier_states(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("insert into theme values ('t', '主题', 'Theme')"))
        connection.execute(
            text(
                "insert into layer (id, theme_id, title_zh, title_en, table_name, geometry_type)"
                " values ('trees', 't', '树', 'Trees', 'feature', 'point')"
            )
        )
        connection.execute(text("insert into feature (layer_id, source_key, name) values ('trees', 'k1', '榕树')"))
        connection.execute(text("update feature set name = '老榕树'"))
    with engine.begin() as connection:
        connection.execute(text("update feature set name = '凤凰木', recorded_at = now()"))
    with engine.connect() as connection:
        names = connection.execute(text("select record ->> 'name' from object_history")).scalars().all()
    # The change inside the first transaction was never visible to anyone and is no history.
    assert names == ["老榕树"]
