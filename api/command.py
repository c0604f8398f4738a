"""``cim serve``: the web service."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from threading import Thread

import typer
from sqlalchemy import Engine

from api.origin import is_loopback
from api.shared_metrics import shared_metrics
from cim.commands.session import messages, print_json, ready_engine, start
from cim.errors import Forbidden, InvalidInput
from cim.keys import any_key

#: Streams stay open for ever, so that a worker must not wait for them to end.
FAREWELL_S = 2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    host: str = typer.Option("127.0.0.1", help="Address to listen on; others than this machine's need a key."),
    port: int = typer.Option(8000, min=0, max=65535, help="Port to listen on; 0 takes a free one."),
    workers: int = typer.Option(1, min=1, max=64, help="Number of server processes."),
    json: bool = typer.Option(False, "--json", help="Print the address as JSON."),
) -> None:
    """Serve the map, its data and its queries until Ctrl-C."""
    settings = start()
    with ready_engine(settings) as engine:
        require_key(engine, host)
    port = free_port(host, port)
    address = f"http://{'[' + host + ']' if ':' in host else host}:{port}"

    def announce() -> None:
        if json:
            print_json({"address": address, "host": host, "port": port, "workers": workers})
        else:
            messages.print(f"serving at {address}  (Ctrl-C ends it)")

    with shared_metrics(workers):
        run(host, port, workers, announce)


def require_key(engine: Engine, host: str) -> None:
    """Refuse to be reachable from elsewhere as long as everybody would be the administrator.

    Raises
    ------
    Forbidden
    """
    if is_loopback(host):
        return
    with engine.connect() as connection:
        has_key = connection.execute(any_key()).scalar_one()
    if not has_key:
        raise Forbidden(
            f"no key exists, and without one everybody who reaches '{host}' would be the administrator; make a key "
            "first with 'cim key create --role admin', or serve this machine only with '--host 127.0.0.1'"
        )


def free_port(host: str, port: int) -> int:
    """Return the port, or a free one for 0.

    Raises
    ------
    InvalidInput
        Where the address or the port cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InvalidInput(
                f"cannot listen on {host}, port {port}: {error.strerror or error}; choose another with --host, --port"
            ) from None
        return int(probe.getsockname()[1])


def announce_once_open(host: str, port: int, announce: Callable[[], None]) -> None:
    """Wait until the first worker takes connections: an address that is printed must answer."""
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    while True:
        try:
            socket.create_connection((own, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            announce()
            return


def run(host: str, port: int, workers: int, announce: Callable[[], None]) -> None:
    """Run the server until it is told to stop."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    from api.edge import SILENCE_S

    server = Granian(
        "api.app:create",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        # Else one who says nothing is waited for without an end: it may still choose HTTP/2.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=SILENCE_S * 1000),
        websockets=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=FAREWELL_S,
        factory=True,
    )
    server.on_startup(lambda: Thread(target=announce_once_open, args=(host, port, announce), daemon=True).start())
    server.serve()
