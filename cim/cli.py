"""The ``cim`` command: finds each package's commands by the entry-point group ``cim.commands``."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import typer

from cim.commands.session import messages
from cim.errors import CimError

ORDER = ["init", "import", "layers", "quarantine", "status", "serve", "worker", "tiles", "district", "key", "doctor"]


def build(word: str | None = None) -> typer.Typer:
    """Return the command with all sub-commands that are installed; of a word that names one of them, with that alone.

    Each package's commands load its libraries, which together take seconds that a single command need not wait for.
    """
    app = typer.Typer(
        name="cim",
        help="City information model: IFC buildings and GIS layers as one map.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    # Without a callback Typer takes an only command for the whole program, and its name for an argument.
    app.callback()(_nothing)
    found = entry_points(group="cim.commands")
    found = found.select(name=word) if word in found.names else found
    for entry in sorted(found, key=lambda e: (ORDER.index(e.name) if e.name in ORDER else 99, e.name)):
        try:
            entry.load()(app)
        except ImportError as error:
            # 'cim doctor' must run on a broken installation too.
            messages.print(f"cim: the commands of '{entry.name}' cannot be loaded: {error}", markup=False)
    return app


def _nothing() -> None:
    pass


def main() -> None:
    """Run the command; an expected error is one plain line and exit status 1."""
    try:
        build(sys.argv[1] if len(sys.argv) > 1 else None)(prog_name="cim")
    except CimError as error:
        messages.print(f"cim: {error.detail}", style="red", markup=False)
        sys.exit(1)
