"""Where a delivery may go, and how it is sent: signed, to the address that was checked, following nobody."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError

from cim.errors import InvalidInput
from cim.settings import Settings
from layers.live.webhooks.deliveries import Outcome
from layers.live.webhooks.target import check_target, is_allowed, parse_target
from tests.layers.webhook_receiver import SECRET, deliver, delivery, receiving


@pytest.mark.parametrize(
    ("address", "is_public"),
    [
        ("8.8.8.8", True), ("1.1.1.1", True), ("2606:4700::1111", True), ("64:ff9b::808:808", True),
        ("127.0.0.1", False), ("127.9.9.9", False), ("0.0.0.0", False), ("10.0.0.1", False), ("172.16.0.1", False),
        ("192.168.1.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("224.0.0.1", False),
        ("239.255.255.250", False), ("255.255.255.255", False), ("240.0.0.1", False), ("198.18.0.1", False),
        ("192.0.2.1", False), ("::", False), ("::1", False), ("fe80::1", False), ("fc00::1", False),
        ("fd12:3456::1", False), ("fec0::1", False), ("ff02::1", False), ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False), ("::127.0.0.1", False), ("2002:7f00:1::", False), ("2002:a00:1::", False),
        ("64:ff9b::7f00:1", False), ("64:ff9b::a9fe:a9fe", False), ("64:ff9b:1::808:808", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False), ("2001:db8::1", False),
    ],
)  # fmt: skip
def test_only_public_addresses_are_allowed(address: str, is_public: bool) -> None:
    assert is_allowed(ip_address(address), []) == is_public


def test_networks_can_be_allowed() -> None:
    allowed = [ip_network("10.1.0.0/16"), ip_network("fd00::/8")]
    assert is_allowed(ip_address("10.1.2.3"), allowed)
    assert is_allowed(ip_address("::ffff:10.1.2.3"), allowed)
    assert is_allowed(ip_address("fd00::1"), allowed)
    assert not is_allowed(ip_address("10.2.0.1"), allowed)
    assert not is_allowed(ip_address("127.0.0.1"), allowed)
    settings = Settings(webhook_networks=" 10.1.0.0/16, fd00::/8 ")
    assert list(settings.webhook_targets) == allowed
    with pytest.raises(ValidationError, match=r"'10\.1\.0\.1/16' is no network"):
        Settings(webhook_networks="10.1.0.1/16")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://example.org/", "https://host/path"), ("example.org", "https://host/path"), ("https://", "https://host"),
        ("http://user:secret@example.org/", "a user"), ("https://example.org/#x", "fragment"),
        ("https://[::1", "no address"), ("https://e.org:99999/", "the port"), ("https://" + "a" * 2000, "2008 char"),
        ("http://localhost/", "not public"), ("http://127.0.0.1/", "not public"), ("http://2130706433/", "not public"),
        ("http://0x7f.1/", "not public"), ("http://[::1]/", "not public"), ("http://[::ffff:a00:1]/", "not public"),
        ("http://no-such-host.invalid/", "cannot be resolved"),
    ],
)  # fmt: skip
def test_what_is_no_target_is_refused(url: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        asyncio.run(check_target(url, []))


def test_a_delivery_is_signed_and_named() -> None:
    with receiving() as receiver:
        one = delivery(receiver.address)
        assert deliver(one) == Outcome(200, None)
        deliver(one)
    (headers, body), (_, again) = receiver.heard
    parts = dict(part.split("=") for part in headers["cim-signature"].split(","))
    digest = hmac.new(SECRET.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert parts["v1"] == digest
    assert abs(int(parts["t"]) - time.time()) < 5
    assert headers["cim-delivery"] == str(one.key)
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {
        "delivery": str(one.key), "webhook": 2, "step": "collect", "event": {"title": "积水"},
        "told_at": one.created_at.isoformat(),
    }  # fmt: skip
    assert again == body


def test_nobody_is_followed_and_nobody_waited_for() -> None:
    # the second server stands for the one that must not be reached
    with receiving() as secret, receiving(("redirect", "http://169.254.169.254/latest"), ("redirect", secret.address),
                                          "hang", "drip", 404, 204) as receiver:  # fmt: skip
        one = delivery(receiver.address)
        for _ in range(2):
            outcome = deliver(one)
            assert outcome.status_code == 302
            assert outcome.error is not None
            assert "redirects are not followed" in outcome.error
        for _ in range(2):
            start = time.monotonic()
            assert deliver(one, time_limit_s=0.6) == Outcome(None, "no answer within 0.6 s")
            assert time.monotonic() - start < 3
        assert deliver(one).status_code == 404
        assert deliver(one) == Outcome(204, None)
        assert len(receiver.heard) == 6
    assert secret.heard == []
    gone = deliver(one)
    assert gone.error is not None
    assert gone.error.startswith("ConnectError")


class Rebinding:
    """Answers each question with the next of its answers, as a hostile name server does."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if self.answers else ["127.0.0.1"]


def test_a_name_that_leads_somewhere_else_next_time_gets_nowhere() -> None:
    with receiving() as receiver:
        url = f"http://hook.example:{receiver.port}/x"
        # first a public address, then ours: the connection goes to the one that was checked, which nobody answers
        resolve = Rebinding(["192.0.2.1"])
        outcome = deliver(delivery(url), resolve, allowed=[ip_network("192.0.2.0/24")], time_limit_s=0.5)
        assert outcome.status_code is None
        assert resolve.asked == [("hook.example", receiver.port)]
        assert receiver.heard == []
        # with the next delivery it is asked again, and refused
        outcome = deliver(delivery(url), resolve, allowed=[ip_network("192.0.2.0/24")])
        assert outcome.error is not None
        assert "127.0.0.1, which is not public" in outcome.error
        assert receiver.heard == []
        # one good address among bad ones is not enough
        mixed = deliver(delivery(url), Rebinding(["127.0.0.1", "10.0.0.1"]))
        assert "10.0.0.1" in str(mixed.error)
        assert receiver.heard == []
        assert deliver(delivery(url), Rebinding(["127.0.0.1"])) == Outcome(200, None)
        # the second address is tried where the first does not answer
        assert deliver(delivery(url), Rebinding(["127.0.0.2", "127.0.0.1"])) == Outcome(200, None)
        assert {headers["host"] for headers, _ in receiver.heard} == {f"hook.example:{receiver.port}"}
    assert deliver(delivery(url), Rebinding([])).error == "the host 'hook.example' cannot be resolved"


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """Write a self-signed certificate of a name, and return a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_tls_is_checked_against_the_name_and_not_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = certificate(tmp_path, "hook.example")
    with receiving(tls=context) as receiver:
        url = f"https://hook.example:{receiver.port}/x"
        untrusted = deliver(delivery(url), Rebinding())
        assert "CERTIFICATE_VERIFY_FAILED" in str(untrusted.error)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        assert deliver(delivery(url), Rebinding()) == Outcome(200, None)
        other = deliver(delivery(url.replace("hook.", "other.")), Rebinding())
        assert "CERTIFICATE_VERIFY_FAILED" in str(other.error)
        assert len(receiver.heard) == 1


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy, receiving() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert deliver(delivery(receiver.address)) == Outcome(200, None)
        assert (len(proxy.heard), len(receiver.heard)) == (0, 1)


def test_parts_of_a_target() -> None:
    target = parse_target("https://bücher.example/a?b=c")
    assert (target.host, target.port) == ("xn--bcher-kva.example", 443)
    six = parse_target("http://[2606:4700::1]:8080/")
    assert (six.host, six.port) == ("2606:4700::1", 8080)
