"""``cim listen``: takes in what devices send by MQTT."""

from __future__ import annotations

import signal

import typer

from cim.commands.session import messages, ready_engine, start
from cim.errors import InvalidSetting
from layers.live.sensors.mqtt import Listener, read_broker


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("listen")(listen)


def listen(
    name: str = typer.Option("cim", "--name", help="Name of this listener at the broker; two must not have the same."),
) -> None:
    """Listen to the broker of CIM_MQTT_URL and take in observations and events, until it is stopped."""
    settings = start()
    if settings.mqtt_url is None:
        raise InvalidSetting("CIM_MQTT_URL is not set; write it like mqtt://user:password@host:1883/prefix")
    broker = read_broker(settings.mqtt_url)
    with ready_engine(settings) as engine:
        listener = Listener(broker, engine, name=name)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: listener.stop())
        messages.print(f"listening to {broker.host}:{broker.port}, topics below '{broker.prefix}'")
        counts = listener.run()
    messages.print(
        f"{counts.readings} readings, {counts.events} events, {counts.positions} positions, {counts.broken} broken"
    )
