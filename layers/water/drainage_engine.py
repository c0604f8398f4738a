"""A SWMM model run by its own engine (pyswmm); run apart (``layers.water.apart``): it is not safe among threads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from layers.water.apart import EngineFailure, serve

_FOOT_M = 0.3048
_FOOT3_M3 = _FOOT_M**3
#: Cubic metres a second of one of the model's units of flow.
_FLOWS = {"CFS": _FOOT3_M3, "GPM": 3.785411784e-3 / 60, "MGD": 3785.411784 / 86400, "CMS": 1.0, "LPS": 1e-3,
          "MLD": 1000 / 86400}  # fmt: skip
_US = ("CFS", "GPM", "MGD")


def work(folder: Path) -> None:
    """Run ``model.inp`` and write what became of its nodes and conduits, in metres, hours and cubic metres."""
    # The engine's library is loaded in this process only.
    from pyswmm.swmm5 import PySWMM

    model = PySWMM(*(str(folder / f"model.{ending}") for ending in ("inp", "rpt", "out")))
    try:
        model.swmm_open()
        model.swmm_start(False)
        days = 0.0
        while (now := model.swmm_step()) > 0.0:
            days = now
        found = _read(model) | {"hours": days * 24}
        model.swmm_end()
        runoff, routing, _ = model.swmm_getMassBalErr()
        found |= {"runoff_error_percent": runoff, "routing_error_percent": routing,
                  "version": str(model.swmm_getVersion())}  # fmt: skip
        model.swmm_close()
    except Exception as error:
        # The engine's library raises nothing more special; its report says what is wrong.
        raise EngineFailure(_reason(folder, error)) from None
    (folder / "found.json").write_text(json.dumps(found), "utf-8")


def _read(model: Any) -> dict[str, Any]:
    from pyswmm.toolkitapi import ObjectType, SimulationUnits

    units = str(model.getSimUnit(SimulationUnits.FlowUnits.value))
    length, volume = (_FOOT_M, _FOOT3_M3) if units in _US else (1.0, 1.0)
    return {
        "flow_units": units,
        "nodes": list(_nodes(model, model.getObjectIDList(ObjectType.NODE.value), length, volume, _FLOWS[units])),
        "links": list(_links(model, model.getObjectIDList(ObjectType.LINK.value), length, _FLOWS[units])),
    }


def _nodes(model: Any, ids: list[str], length: float, volume: float, flow: float) -> Iterator[dict[str, Any]]:
    for name in ids:
        said = model.node_statistics(name)
        yield {
            "id": name,
            "volume_m3": said["flooding_volume"] * volume,
            "hours": said["flooding_duration"],
            "peak_depth_m": said["max_depth"] * length,
            "peak_rate_m3_s": said["peak_flooding_rate"] * flow,
            "ponded_m3": said["max_ponded_volume"] * volume,
            "surcharged_hours": said["surcharge_duration"],
        }


def _links(model: Any, ids: list[str], length: float, flow: float) -> Iterator[dict[str, Any]]:
    from pyswmm.toolkitapi import LinkType

    for name in ids:
        if model.getLinkType(name).value != LinkType.conduit.value:
            continue
        said = model.conduit_statistics(name)
        yield {
            "id": name,
            "peak_flow_m3_s": said["peak_flow"] * flow,
            "peak_depth_m": said["peak_depth"] * length,
            "peak_velocity_m_s": said["peak_velocity"] * length,
            "surcharged_hours": said["time_surcharged"],
            "full_hours": said["time_full_flow"],
        }


def _reason(folder: Path, error: Exception) -> str:
    report = folder / "model.rpt"
    lines = report.read_text("utf-8", "replace").splitlines() if report.exists() else []
    said = [line.strip() for line in lines if line.strip().startswith("ERROR")]
    return "SWMM: " + ("; ".join(said[:3]) or str(error))[:300]


if __name__ == "__main__":
    serve(work)
