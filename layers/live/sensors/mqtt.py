"""MQTT in: messages are acknowledged (QoS 1) once what they say is committed, so that none is lost on the way."""

from __future__ import annotations

import logging
import queue
import ssl
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from cim.errors import CimError, DatabaseNotReady, DatabaseUnavailable, InvalidSetting
from layers.live.sensors.mqtt_message import Counts, Message, keep_broken, write_messages

log = logging.getLogger("layers.mqtt")

#: Messages of one transaction, and how long is waited for more.
AT_ONCE = 1_000
GATHER_S = 0.05
RETRY_S = 1.0
#: What is not the fault of a message: it is written later.
TRY_AGAIN = (OperationalError, DatabaseUnavailable, DatabaseNotReady)
TOPICS = ("v1.1/+/Observations", "observations", "events", "tracks")


class Broker(NamedTuple):
    """Where to listen."""

    host: str
    port: int
    is_secure: bool
    user: str | None
    password: str | None
    prefix: str


class Received(NamedTuple):
    """A message with what acknowledges it; ``session`` counts connections: numbers mean nothing in another one."""

    message: Message
    number: int
    qos: int
    session: int


def read_broker(url: str) -> Broker:
    """Return the parts of ``mqtt(s)://user:password@host:port/prefix``.

    Raises
    ------
    InvalidSetting
        Without telling the password.
    """
    try:
        found = urlsplit(url)
        port = found.port
    except ValueError:
        found, port = urlsplit(""), None
    if found.scheme not in ("mqtt", "mqtts") or not found.hostname:
        raise InvalidSetting("CIM_MQTT_URL is not an address like mqtt://user:password@host:1883/prefix")
    is_secure = found.scheme == "mqtts"
    return Broker(
        found.hostname,
        port or (8883 if is_secure else 1883),
        is_secure,
        unquote(found.username) if found.username else None,
        unquote(found.password) if found.password else None,
        unquote(found.path.strip("/")),
    )


class Listener:
    """Takes messages from a broker and writes them, batch by batch, until it is stopped."""

    def __init__(self, broker: Broker, engine: Engine, *, name: str = "cim") -> None:
        self._broker, self._engine = broker, engine
        self._received: queue.Queue[Received] = queue.Queue()
        self._is_stopped = threading.Event()
        self._session = 0
        self.counts = Counts()
        self.is_listening = threading.Event()
        # A session that the broker keeps: what comes while nobody listens is sent later.
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False, manual_ack=True)
        if broker.user is not None:
            self._client.username_pw_set(broker.user, broker.password)
        if broker.is_secure:
            self._client.tls_set(cert_reqs=ssl.CERT_REQUIRED)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def run(self) -> Counts:
        """Listen until ``stop``; returns what has been taken in."""
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=30)
        self._client.loop_start()
        try:
            while not self._is_stopped.is_set():
                if batch := self._gather():
                    self._take(batch)
        finally:
            self._client.disconnect()
            self._client.loop_stop()
        return self.counts

    def stop(self) -> None:
        """End ``run`` after the batch that is being written; what was not acknowledged is sent again next time."""
        self._is_stopped.set()

    def _gather(self) -> list[Received]:
        try:
            batch = [self._received.get(timeout=0.2)]
        except queue.Empty:
            return []
        until = time.monotonic() + GATHER_S
        while len(batch) < AT_ONCE and (left := until - time.monotonic()) > 0:
            try:
                batch.append(self._received.get(timeout=left))
            except queue.Empty:
                break
        return batch

    def _take(self, batch: Sequence[Received]) -> None:
        """Write a batch, as often as it takes, and acknowledge it."""
        messages = [one.message for one in batch]
        while not self._is_stopped.is_set():
            try:
                done = self._write(messages)
            except TRY_AGAIN as error:
                log.warning("the database does not take messages (%s); trying again", type(error).__name__)
                self._is_stopped.wait(RETRY_S)
                continue
            self.counts = self.counts.plus(done)
            if done.broken:
                log.warning("%d broken messages; 'cim quarantine --dataset mqtt' says why", done.broken)
            for one in batch:
                if one.session == self._session:
                    self._client.ack(one.number, one.qos)
            return

    def _write(self, messages: Sequence[Message]) -> Counts:
        try:
            with self._engine.begin() as connection:
                return write_messages(connection, messages, self._broker.prefix)
        except TRY_AGAIN:
            raise
        except Exception as error:
            # Whatever a message does to us, the others are to be heard.
            if not isinstance(error, SQLAlchemyError | CimError):
                log.exception("a message cannot be read")
            return self._apart(messages, error)

    def _apart(self, messages: Sequence[Message], error: Exception) -> Counts:
        """Write messages one by one where they cannot be together; one that cannot be at all is kept as broken."""
        if len(messages) > 1:
            done = Counts()
            for message in messages:
                done = done.plus(self._write([message]))
            return done
        reason = error.detail if isinstance(error, CimError) else f"it cannot be taken in ({type(error).__name__})"
        with self._engine.begin() as connection:
            keep_broken(connection, [(messages[0], reason)])
        return Counts(broken=1)

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._session += 1
        if reason.is_failure:
            log.warning("the broker refuses: %s", reason)
            return
        head = f"{self._broker.prefix}/" if self._broker.prefix else ""
        client.subscribe([(f"{head}{topic}", 1) for topic in TOPICS])

    def _on_disconnect(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.is_listening.clear()
        if not self._is_stopped.is_set():
            log.warning("the connection to the broker is gone (%s); trying again", reason)

    def _on_subscribe(self, _client: mqtt.Client, _data: Any, _number: int, reasons: Any, _properties: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            log.warning("the broker refuses topics: %s", ", ".join(map(str, reasons)))
        self.is_listening.set()

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        said = Message(message.topic, bytes(message.payload))
        self._received.put(Received(said, message.mid, message.qos, self._session))
