"""After every import: sources become buildings, set by set, in the import's own transaction.

Only buildings that the dataset feeds, or fed before, are looked at; a building that comes out as it was is not
touched, so that its history stays clean and a repeated import changes nothing.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, func, select, text

from cim.importing import AfterImport
from cim.provenance import touch_layers
from cim.reports import LayerCounts, Note
from cim.tables import building, building_source, dataset
from layers.buildings.founding import await_turn
from layers.buildings.lifting import fill_heights
from layers.buildings.matching import match_sources
from layers.buildings.record import analyze, make_records, stage_rules, write_records
from layers.sql import script, statement

#: Sorts of the merge stay in memory up to this size; for this transaction only.
WORK_MEMORY = "128MB"
#: New buildings from which on the planner is told of them.
MANY = 1000
#: layer -> statement that gives its objects their building
LINKS = {
    "models": "link_models",
    "storeys": "link_storeys",
    "spaces": "link_spaces",
    "elements": "link_elements",
    "element_groups": "link_groups",
    "units": "link_units",
    "sensors": "link_sensors",
}


def merge_after_import(connection: Connection, after: AfterImport) -> None:
    """Bring buildings, their conflicts and all links to them up to date with one dataset's new version."""
    layers = set(after.result.layers) | after.previous_layers
    _drop_stale_sources(connection, after)
    speaks = _speaks_of_buildings(connection, after.dataset_id)
    ground = _is_changed(after, "terrain")
    if not (speaks or ground or layers & {"buildings", *LINKS}):
        return
    _open(connection)
    if speaks or ground or "buildings" in layers:
        _merge(connection, after, speaks, ground)
    _link(connection, after)


def remake_building(connection: Connection, building_id: int, files: Path) -> None:
    """Make one building's record anew from its sources, after a person has decided about it.

    Parameters
    ----------
    files
        The folder of the deployment's rasters.
    """
    _open(connection)
    stage_rules(connection)
    connection.execute(text("INSERT INTO merge_affected VALUES (:id)"), {"id": building_id})
    make_records(connection)
    fill_heights(connection, files)
    write_records(connection)


def _open(connection: Connection) -> None:
    await_turn(connection)
    connection.exec_driver_sql(script("merge_tables"))
    connection.execute(select(func.set_config("work_mem", WORK_MEMORY, True)))


def _merge(connection: Connection, after: AfterImport, speaks: bool, ground: bool) -> None:
    stage_rules(connection)
    name = connection.execute(select(dataset.c.name).where(dataset.c.id == after.dataset_id)).scalar_one()
    connection.execute(statement("merge_affected"), {"dataset": after.dataset_id, "name": name})
    if ground:
        connection.execute(statement("merge_groundless"), {"dataset": after.dataset_id})
    pending = connection.execute(statement("merge_pending"), {"dataset": after.dataset_id}).rowcount
    added = changed = removed = 0
    if pending or connection.execute(text("SELECT EXISTS (SELECT FROM merge_affected)")).scalar_one():
        added, changed, removed = _renew(connection, after)
    _count(connection, after, speaks, added, changed, removed)
    _note_unmatched(connection, after)


def _renew(connection: Connection, after: AfterImport) -> tuple[int, int, int]:
    """Match what is pending, make the affected records anew; return how many were added, changed and removed."""
    match_sources(connection)
    connection.execute(
        text(
            "INSERT INTO merge_affected SELECT DISTINCT building_id FROM merge_pending"
            " WHERE building_id IS NOT NULL AND NOT is_new ON CONFLICT DO NOTHING"
        )
    )
    analyze(connection, "merge_affected", "merge_pending")
    make_records(connection)
    fill_heights(connection, after.context.settings.files)
    added, changed, removed = write_records(connection)
    if added >= MANY:
        connection.execute(text("ANALYZE cim.building"))
    return added, changed, removed


def _drop_stale_sources(connection: Connection, after: AfterImport) -> None:
    """Forget the sources of a dataset whose new version has no buildings any more (models count none there)."""
    if after.importer != "ifc" and "buildings" in after.previous_layers - set(after.result.layers):
        connection.execute(building_source.delete().where(building_source.c.dataset_id == after.dataset_id))


def _speaks_of_buildings(connection: Connection, dataset_id: int) -> bool:
    sources = select(building_source.c.id).where(building_source.c.dataset_id == dataset_id).exists()
    founded = select(building.c.id).where(building.c.dataset_id == dataset_id).exists()
    return bool(connection.execute(select(sources | founded)).scalar_one())


def _is_changed(after: AfterImport, layer: str) -> bool:
    counts = after.result.layers.get(layer)
    return counts is not None and counts.is_changed


def _count(connection: Connection, after: AfterImport, speaks: bool, added: int, changed: int, removed: int) -> None:
    """Let layer ``buildings`` show the change without breaking the identity of the rows that were read."""
    counts = after.result.layers.get("buildings")
    if counts is None and not (speaks or added or changed or removed):
        return
    if counts is None:
        total = connection.execute(text("SELECT count(*) FROM merge_record")).scalar_one()
        after.result.layers["buildings"] = LayerCounts(
            read=total, added=added, changed=changed, unchanged=total - added - changed, removed=removed
        )
        return
    counts.removed = max(counts.removed, removed)
    if (added or changed) and not counts.is_changed:
        moved = min(counts.unchanged, added + changed)
        counts.changed += moved
        counts.unchanged -= moved
        if not moved:
            touch_layers(connection, ["buildings"], None, after.result.bounds)


def _note_unmatched(connection: Connection, after: AfterImport) -> None:
    unmatched = select(building_source.c.source_key).where(
        building_source.c.dataset_id == after.dataset_id,
        building_source.c.kind == "register",
        building_source.c.building_id.is_(None),
    )
    count = connection.execute(select(func.count()).select_from(unmatched.subquery())).scalar_one()
    if count:
        keys = connection.execute(unmatched.order_by(building_source.c.source_key).limit(5)).scalars().all()
        after.result.notes.append(
            Note(
                "unmatched_register",
                f"{count} rows of the register name no known building and lie in no footprint, such as "
                f"{', '.join(keys)}; they are kept and matched as soon as a footprint arrives",
            )
        )


def _link(connection: Connection, after: AfterImport) -> None:
    for layer, name in LINKS.items():
        changed = connection.execute(
            statement(name), {"dataset": after.dataset_id} if layer in {"units", "sensors"} else {}
        ).rowcount
        if changed and not _is_changed(after, layer):
            touch_layers(connection, [layer], None, None)
