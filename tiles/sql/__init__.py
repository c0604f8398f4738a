"""Long statements of this package, one a file."""

from __future__ import annotations

from functools import partial

from cim import sql_files

statement = partial(sql_files.statement, __name__)
script = partial(sql_files.script, __name__)
