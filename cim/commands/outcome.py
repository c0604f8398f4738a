"""The exit status of commands that import."""

from __future__ import annotations

from collections.abc import Sequence

from cim.reports import ImportReport


def exit_status(reports: Sequence[ImportReport]) -> int:
    """Return 0 when all is in, 1 when a file was refused or nothing was found, 3 when something waits."""
    if not reports or any(report.status == "refused" for report in reports):
        return 1
    if any(report.status == "waiting" or report.quarantined for report in reports):
        return 3
    return 0
