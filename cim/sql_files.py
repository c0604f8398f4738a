"""Long statements in files of a package's folder ``sql``, one a file; ``:name`` marks a bound parameter."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from sqlalchemy import TextClause, text


@lru_cache(maxsize=256)
def statement(package: str, name: str) -> TextClause:
    """Return the statement of ``{name}.sql`` in a package."""
    return text(script(package, name))


@lru_cache(maxsize=256)
def script(package: str, name: str) -> str:
    """Return the text of ``{name}.sql`` in a package; a script of several statements takes no parameters."""
    return files(package).joinpath(f"{name}.sql").read_text(encoding="utf-8")
