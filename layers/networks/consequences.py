"""What an isolation does to the pressure of what stays supplied, computed by EPANET through WNTR."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sqlalchemy import Connection

from layers.networks.hydraulic_model import Parts, model_of, read_parts, supplied
from layers.networks.isolation import Isolation, shut
from layers.networks.not_available import NotAvailable
from layers.networks.parts import nodes_of
from layers.networks.segments import Plan
from layers.networks.supply import Barriers, Served, closed_today

if TYPE_CHECKING:
    import pandas as pd

#: Metres of water: what a building of three storeys needs at the street, and what codes of supply ask for.
THRESHOLD_M = 15.0
LIMIT = 1000
#: What the import of a model does not keep, and what is taken instead.
NOTES = (
    {"code": "snapshot", "message": "one moment with base demands; patterns, controls and rules are not kept"},
    {"code": "demands", "message": "of several demands of a node the first; they are drawn whatever the pressure is"},
    {"code": "losses", "message": "Hazen-Williams; minor losses of fittings are not kept"},
    {"code": "tanks", "message": "tanks hold the level that they begin with"},
)


class Hydraulics(NamedTuple):
    """What is asked: nodes below ``threshold_m`` (metres of water) are told."""

    threshold_m: float = THRESHOLD_M


def hydraulic_consequences(
    connection: Connection, plan: Plan, isolation: Isolation, request: Hydraulics, network: str
) -> dict[str, Any]:
    """Return pressures before and after, and which nodes fall below the threshold; else why it cannot be told."""
    try:
        parts = read_parts(connection, network, plan, isolation.isolated)
        before = pressures(plan, parts, closed_today(plan))
        after = pressures(plan, parts, isolation.barriers)
    except NotAvailable as reason:
        return {"state": "not_available", "reason": reason.detail, "remedy": reason.remedy}
    # A valve that is shut is not cut off.
    lost = before.part.nodes & ~after.part.nodes & ~shut(plan, isolation.close).nodes
    return _compared(connection, request, before, after) | {"unsupplied": int(lost.sum())}


class Pressures(NamedTuple):
    """Metres of water by id of the node, and what is supplied at all."""

    by_id: pd.Series[float]
    part: Served


def pressures(plan: Plan, parts: Parts, barriers: Barriers) -> Pressures:
    """Return the pressures of what is supplied; raises NotAvailable."""
    # Slow to load and needed here only.
    import pandas as pd

    part = supplied(plan, parts, barriers)
    if not part.edges.any():
        return Pressures(pd.Series(dtype=float), part)
    found = pressures_of(model_of(parts, part))
    ids = [str(number) for number in plan.graph.node_ids[part.nodes].tolist()]
    return Pressures(found.reindex(ids).rename(index=int), part)


def pressures_of(model: Any) -> pd.Series[float]:
    """Return the pressure at each node of a model, in metres of water.

    Raises
    ------
    NotAvailable
        The model cannot be computed.
    """
    # Slow to load and needed here only.
    from wntr.epanet.exceptions import EpanetException
    from wntr.sim import EpanetSimulator

    with tempfile.TemporaryDirectory(prefix="cim-hydraulics-") as folder, warnings.catch_warnings():
        # EPANET warns of negative pressures; they are in the answer.
        warnings.simplefilter("ignore")
        try:
            results = EpanetSimulator(model).run_sim(file_prefix=str(Path(folder) / "model"))
        except EpanetException as error:
            raise NotAvailable(f"EPANET cannot compute the network: {str(error)[:200]}", "look at its model") from None
    pressures: pd.Series[float] = results.node["pressure"].iloc[0].astype(float)
    return pressures


def _compared(connection: Connection, request: Hydraulics, before: Pressures, after: Pressures) -> dict[str, Any]:
    both = before.by_id.index.intersection(after.by_id.index)
    was, now = before.by_id.loc[both], after.by_id.loc[both]
    fallen = now.index[(now < request.threshold_m) & (was >= request.threshold_m)]
    ids = np.array(sorted(fallen), np.int64)
    listed = [
        entry | {"before_m": round(float(was[entry["id"]]), 2), "after_m": round(float(now[entry["id"]]), 2)}
        for entry in nodes_of(connection, ids, LIMIT)
    ]
    return {
        "state": "computed",
        "engine": "EPANET 2.2 by WNTR",
        "threshold_m": request.threshold_m,
        "nodes": len(both),
        "below_before": int((was < request.threshold_m).sum()),
        "below_after": int((now < request.threshold_m).sum()),
        "newly_below": len(ids),
        "largest_drop_m": round(float((was - now).max()), 2) if len(both) else None,
        "fallen": sorted(listed, key=lambda entry: entry["after_m"]),
        "notes": list(NOTES),
    }
