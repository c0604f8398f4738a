"""The text of a SWMM model: what it names outside of itself, and another rain in it.

Sections and words: EPA SWMM 5.2 User's Manual, appendix D.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from layers.networks.not_available import NotAvailable
from layers.water.asked import Rain

#: After the rain is looked on so long: sewers empty within hours.
AFTER_HOURS = 6.0
_SERIES = "cim_design_rain"
_INTERVAL_MIN = 5
_US_FLOWS = {"CFS", "GPM", "MGD"}
_INCH_MM = 25.4
_HEADING = re.compile(r"\s*\[\s*([A-Za-z_]+)")
_DATE, _TIME = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})"), re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_MACHINE = {"TEMPDIR", "THREADS"}
#: Lines of the options that another rain replaces.
_TIMES = {"END_DATE", "END_TIME", "REPORT_START_DATE", "REPORT_START_TIME", "IGNORE_RAINFALL"}
#: Place of the word that names a file in a line of [LID_USAGE].
_REPORT_FILE = 8


class Line(NamedTuple):
    """One line of the file with the section that it stands in (capitals) and its words; headings have none."""

    text: str
    section: str
    words: list[str]


def runnable(text: str, rain: Rain | None) -> str:
    """Return the text as it is run: with no file but itself, and with another rain where one is asked for.

    Raises
    ------
    NotAvailable
        The model reads or writes other files, or rain does not reach it.
    """
    lines = [_of_this_machine(line) for line in _lines(text)]
    if rain is not None:
        lines = _with_rain(lines, rain)
    for line in lines:
        _require_alone(line)
    return "\n".join(line.text for line in lines) + "\n"


def _lines(text: str) -> Iterator[Line]:
    section = ""
    for line in text.splitlines():
        heading = _HEADING.match(line)
        if heading:
            section = heading[1].upper()
            yield Line(line, section, [])
        else:
            yield Line(line, section, line.split(";", 1)[0].split())


def _of_this_machine(line: Line) -> Line:
    """Drop options for the machine of its owner: a folder for scratch files, and the number of threads (then one)."""
    is_dropped = line.section == "OPTIONS" and bool(line.words) and line.words[0].upper() in _MACHINE
    return Line("", line.section, []) if is_dropped else line


def _require_alone(line: Line) -> None:
    """Refuse a line that names another file: the engine would read or write it on the server."""
    words = [word.upper() for word in line.words]
    named = {
        "FILES": bool(words),
        "RAINGAGES": "FILE" in words,
        "TIMESERIES": "FILE" in words[1:2],
        "TEMPERATURE": "FILE" in words[:1],
        "LID_USAGE": len(words) > _REPORT_FILE and words[_REPORT_FILE] not in {"*", ""},
    }
    if named.get(line.section):
        raise NotAvailable(
            f"its section [{line.section}] names another file: '{line.text.strip()[:100]}'",
            "deliver the model with its series in the file itself, or ask with a design rain",
            "names_a_file", section=line.section, text=line.text.strip()[:100],
        )  # fmt: skip


def _with_rain(lines: list[Line], rain: Rain) -> list[Line]:
    if not any(line.section == "SUBCATCHMENTS" and line.words for line in lines):
        raise NotAvailable("the model has no subcatchments: rain does not reach its pipes",
                          "ask without 'rain': it runs with the inflows that it has",
                          "no_subcatchments")  # fmt: skip
    options = {line.words[0].upper(): line.words[-1] for line in lines if line.section == "OPTIONS" and line.words}
    is_us = options.get("FLOW_UNITS", "CFS").upper() in _US_FLOWS
    begins = _start(options)
    kept = [_gauged(line) for line in lines if not _is_replaced(line)]
    ends = begins + timedelta(hours=rain.hours + AFTER_HOURS)
    said = {
        "END_DATE": ends.strftime("%m/%d/%Y"), "END_TIME": ends.strftime("%H:%M:%S"),
        "REPORT_START_DATE": begins.strftime("%m/%d/%Y"), "REPORT_START_TIME": begins.strftime("%H:%M:%S"),
    }  # fmt: skip
    added = ["", "[OPTIONS]", *(f"{name} {value}" for name, value in said.items())]
    added += ["", "[TIMESERIES]", *_series(rain, _INCH_MM if is_us else 1.0)]
    return kept + list(_lines("\n".join(added)))


def _is_replaced(line: Line) -> bool:
    return line.section == "OPTIONS" and bool(line.words) and line.words[0].upper() in _TIMES


def _gauged(line: Line) -> Line:
    """Let a rain gauge read the design rain."""
    if line.section != "RAINGAGES" or not line.words:
        return line
    words = [line.words[0], "INTENSITY", f"0:{_INTERVAL_MIN:02d}", "1.0", "TIMESERIES", _SERIES]
    return Line(" ".join(words), line.section, words)


def _series(rain: Rain, unit_mm: float) -> Iterator[str]:
    """Yield an even rain in steps; the last one has what is left of the time."""
    minutes, rate = rain.hours * 60, rain.mm / rain.hours / unit_mm
    for step in range(math.ceil(minutes / _INTERVAL_MIN - 1e-9)):
        at = step * _INTERVAL_MIN
        share = min(1.0, (minutes - at) / _INTERVAL_MIN)
        yield f"{_SERIES} {at // 60}:{at % 60:02d} {rate * share!r}"
    at = math.ceil(minutes / _INTERVAL_MIN - 1e-9) * _INTERVAL_MIN
    yield f"{_SERIES} {at // 60}:{at % 60:02d} 0"


def _start(options: dict[str, str]) -> datetime:
    """Return when the model begins; SWMM's own default where it does not say."""
    date, time = _DATE.fullmatch(options.get("START_DATE", "")), _TIME.fullmatch(options.get("START_TIME", ""))
    month, day, year = (int(part) for part in date.groups()) if date else (1, 1, 2004)
    hour, minute, second = (int(part or 0) for part in time.groups()) if time else (0, 0, 0)
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001
    except ValueError:
        raise NotAvailable("its START_DATE is no date", "mend the model's options", "no_start_date") from None


def text_of(content: bytes, decode: Callable[[bytes], str | None]) -> str:
    """Return the text of a file; ``decode`` names its encoding."""
    return content.decode(decode(content) or "iso-8859-1", "replace")
