"""An IFC file checked against an IDS file (buildingSMART Information Delivery Specification 1.0) by ifctester."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ifcopenshell

from cim.errors import InvalidFile

#: Failures named of each requirement; the counts are of all.
NAMED = 100


def check_ids(ifc: Path, ids: Path, html: Path | None = None) -> dict[str, Any]:
    """Return the report: title, status, and for each specification its requirements with what failed and why.

    Specifications for other schemas than the file's are skipped; where all are, the status is False.

    Parameters
    ----------
    ifc
        A file that the parser reads (see :mod:`bim_import.readable`).
    html
        Where a page of the same report is written.

    Raises
    ------
    InvalidFile
        If the IDS file is not valid against the schema of the standard.
    """
    # It brings a web framework and an XML schema with it: only for those who check.
    from ifctester import ids as specifications  # type: ignore[import-untyped]
    from ifctester import reporter

    try:
        wanted = specifications.open(str(ids), validate=True)
    except (specifications.IdsXmlValidationError, OSError, ValueError, SyntaxError) as error:
        reason = getattr(error, "xml_error", None) or error
        raise InvalidFile(f"'{ids.name}' is no valid IDS 1.0 file: {str(reason).strip()[:400]}") from None
    # Held by name: the findings point into it, and do not keep it alive.
    file = ifcopenshell.open(str(ifc))
    wanted.validate(file, should_filter_version=True)
    if html is not None:
        page = reporter.Html(wanted)
        page.report()
        page.to_file(str(html))
    found = [_specification(one) for one in reporter.Json(wanted).report()["specifications"]]
    done = [one for one in found if not one["is_skipped"]]
    return {
        "title": wanted.info.get("title"),
        "status": bool(done) and all(one["status"] for one in done),
        "specifications": found,
    }


def _specification(found: Any) -> dict[str, Any]:
    return {
        "name": found["name"],
        "status": bool(found["status"]),
        # for another schema than the file's
        "is_skipped": not found["is_ifc_version"],
        "applicable": int(found["total_applicable"]),
        "passed": int(found["total_applicable_pass"]),
        "checks": int(found["total_checks"]),
        "checks_passed": int(found["total_checks_pass"]),
        "requirements": [_requirement(one) for one in found["requirements"]],
    }


def _requirement(found: Any) -> dict[str, Any]:
    failed = found["failed_entities"]
    return {
        "description": found["description"],
        "status": bool(found["status"]),
        "failed_count": len(failed),
        "failed": [
            {
                "global_id": one.get("global_id"),
                "ifc_class": one.get("class"),
                "name": one.get("name"),
                "reason": one.get("reason"),
            }
            for one in failed[:NAMED]
        ],
    }
