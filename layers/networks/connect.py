"""After an import: the networks that it has touched become graphs again, and what is wrong in them is told."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from cim.importing import AfterImport
from cim.provenance import touch_layers
from layers.networks.findings import Finding, note_findings, replace_findings
from layers.networks.look import look_over
from layers.networks.pipe_writing import Written, write_pipes
from layers.networks.pipes import networks_of, read_pipes
from layers.networks.roads import ROADS, read_roads, write_roads
from layers.networks.services import link_buildings

_PIPES = frozenset({"pipes", "pipe_nodes"})
_ROADS = frozenset({"roads", "road_nodes"})


def connect_after_import(connection: Connection, after: AfterImport) -> None:
    """Connect the networks that an import has touched, and note what is wrong with its own objects.

    A node may come before its edges or after them, in another file of the same network. An end that names a node
    which is nowhere is noted and stays open: the pipe is there in the ground, whatever its register says.
    """
    counted = {layer for layer, counts in after.result.layers.items() if counts.is_changed}
    touched = counted | after.previous_layers
    tolerance_m = after.context.settings.snap_tolerance_m
    changed: list[str] = []
    if _PIPES & touched:
        changed = _touched_networks(connection, after)
        for name in changed:
            note_findings(after, name, connect_pipes(connection, name, tolerance_m, counted))
    if _ROADS & touched:
        note_findings(after, ROADS, connect_roads(connection, tolerance_m, counted))
    reach_m = after.context.settings.service_distance_m
    link_buildings(connection, changed, reach_m, is_whole=True)
    if "buildings" in touched:
        others = [name for name in networks_of(connection) if name not in changed]
        link_buildings(connection, others, reach_m, is_whole=False)


def _touched_networks(connection: Connection, after: AfterImport) -> list[str]:
    """Return the networks that a dataset feeds; all of them where rows have gone that no one names any more."""
    counts = [after.result.layers[layer] for layer in _PIPES & set(after.result.layers)]
    is_less = bool(_PIPES & (after.previous_layers - set(after.result.layers))) or any(c.removed for c in counts)
    return networks_of(connection, None if is_less else after.dataset_id)


def connect_pipes(
    connection: Connection, name: str, tolerance_m: float, counted: set[str] | None = None
) -> list[Finding]:
    """Make the graph of one network of pipes anew and return its findings; unchanged rows are not touched.

    Parameters
    ----------
    tolerance_m
        Ends and nodes that are closer are one.
    counted
        Layers whose version the import raises anyway.
    """
    _lock(connection, name)
    network = read_pipes(connection, name, tolerance_m)
    written = write_pipes(connection, network)
    findings = look_over(network, written.edges, tolerance_m)
    replace_findings(connection, name, findings)
    _touch(connection, written, ("pipes", "pipe_nodes"), counted)
    return findings


def connect_roads(connection: Connection, tolerance_m: float, counted: set[str] | None = None) -> list[Finding]:
    """Make the graph of the roads anew and return its findings; see :func:`connect_pipes`."""
    _lock(connection, ROADS)
    network = read_roads(connection, tolerance_m)
    written = write_roads(connection, network)
    findings = look_over(network, written.edges, tolerance_m, "road")
    replace_findings(connection, ROADS, findings)
    _touch(connection, written, ("roads", "road_nodes"), counted)
    return findings


def _touch(connection: Connection, written: Written, layers: tuple[str, str], counted: set[str] | None) -> None:
    changed = [layer for layer, count in zip(layers, (written.lines, written.nodes), strict=True) if count]
    touch_layers(connection, [layer for layer in changed if layer not in (counted or ())], None, None)


def _lock(connection: Connection, name: str) -> None:
    """Let one transaction at a time make the graph of a network."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"cim.network.{name}", 0))))
