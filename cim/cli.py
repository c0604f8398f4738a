"""The ``cim`` command: finds each package's commands by the entry-point group ``cim.commands``."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import typer

from cim.commands.session import messages
from cim.errors import CimError

ORDER = ["init", "import", "layers", "quarantine", "status", "serve", "worker", "tiles", "district", "key", "doctor"]


def build() -> typer.Typer:
    """Return the command with all sub-commands that are installed."""
    app = typer.Typer(
        name="cim",
        help="City information model: IFC buildings and GIS layers as one map.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    found = entry_points(group="cim.commands")
    for entry in sorted(found, key=lambda e: (ORDER.index(e.name) if e.name in ORDER else 99, e.name)):
        try:
            entry.load()(app)
        except ImportError as error:
            # 'cim doctor' must run on a broken installation too.
            messages.print(f"cim: the commands of '{entry.name}' cannot be loaded: {error}", markup=False)
    return app


def main() -> None:
    """Run the command; an expected error is one plain line and exit status 1."""
    try:
        build()(prog_name="cim")
    except CimError as error:
        messages.print(f"cim: {error.detail}", style="red", markup=False)
        sys.exit(1)
