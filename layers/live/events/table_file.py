"""Tables that an operator hands over as CSV files."""

from __future__ import annotations

import csv
from pathlib import Path

from cim.errors import InvalidFile

MOST_COLUMNS = 100


def read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Return the names of the columns and the lines of a CSV file (UTF-8); what a line lacks is empty.

    Raises
    ------
    InvalidFile
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as source:
            reader = csv.DictReader(source, restval="", strict=True)
            names = list(reader.fieldnames or ())
            if len(names) > MOST_COLUMNS:
                raise InvalidFile(f"{path.name}: there are {len(names)} columns; {MOST_COLUMNS} are the most")
            return names, [{name: line[name] for name in names} for line in reader]
    except UnicodeDecodeError:
        raise InvalidFile(f"{path.name} is not text in UTF-8; save it as CSV UTF-8") from None
    except csv.Error as error:
        raise InvalidFile(f"{path.name} is no CSV file: {error}") from None
