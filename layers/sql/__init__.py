"""Long statements, one a file; ``:name`` marks a bound parameter."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from sqlalchemy import TextClause, text


@lru_cache(maxsize=64)
def statement(name: str) -> TextClause:
    """Return the statement of ``layers/sql/{name}.sql``."""
    return text(script(name))


@lru_cache(maxsize=64)
def script(name: str) -> str:
    """Return the text of ``layers/sql/{name}.sql``; a script of several statements takes no parameters."""
    return files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
