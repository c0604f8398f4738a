"""What nobody should send to the live city, how it is sent, and how each answer is judged."""

from __future__ import annotations

import asyncio
import gzip
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
import orjson
from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.types import ASGIApp, Message

from tests.api.conftest import running

BASE = "http://localhost:8000"
PROBLEM = "application/problem+json"
ROLES = ("viewer", "service", "planner", "commander", "admin")
#: Addresses of the live city, by their beginnings.
LIVE = ("/events", "/sensors", "/sta/", "/cameras", "/parking", "/tracks", "/webhooks", "/live")
#: What an answer must not name: statements, the driver, addresses of databases, paths of the server, tracebacks.
_LEAK = re.compile(
    r"select\s.+\sfrom\s|insert\s+into\s|update\s+cim\.|delete\s+from\s|psycopg|postgres|sqlalchemy|traceback|host=/"
    r"|\bdbname=|site-packages|\.py\b.{0,8}\bline \d|/(work|var|tmp|home|dev/shm|usr/lib)/|recursion|keyerror|lxml",
    re.IGNORECASE,
)
#: Who calls: a role, and an area or None; no key at all is None.
Who = tuple[str, str | None] | None


class Answer(NamedTuple):
    """An answer as it went out."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0]

    def json(self) -> Any:
        """Return the body's document."""
        return orjson.loads(self.body)


class House:
    """A running service, and the keys of everybody who may come to it."""

    def __init__(self, app: ASGIApp, portal: BlockingPortal, keys: Mapping[tuple[str, str | None], str]) -> None:
        self.app, self.portal, self.keys = app, portal, keys

    def request(self, who: Who, method: str, path: str, **more: Any) -> httpx.Request:
        """Return a request with somebody's key."""
        key = {} if who is None else {"Authorization": f"Bearer {self.keys[who]}"}
        return httpx.Request(method, httpx.URL(BASE).join(path), headers=dict(more.pop("headers", {})) | key, **more)

    def ask(self, who: Who, method: str, path: str, **more: Any) -> Answer:
        """Send a request of somebody."""
        return self.portal.call(ask, self.app, self.request(who, method, path, **more))

    def hear(self, who: Who, path: str, until: bytes, telling: Any) -> bytes:
        """Return what a stream says up to a word, while somebody is ``telling`` something."""
        begun = threading.Event()
        heard = self.portal.start_task_soon(ask, self.app, self.request(who, "GET", path), until, begun)
        assert begun.wait(10)
        telling()
        return heard.result(20).body


@contextmanager
def opened(app: ASGIApp, keys: Mapping[tuple[str, str | None], str]) -> Iterator[House]:
    """Start a service in a thread of its own."""
    with start_blocking_portal("asyncio") as portal, portal.wrap_async_context_manager(running(app)):
        yield House(app, portal, keys)


async def ask(app: ASGIApp, request: httpx.Request, until: bytes = b"", begun: threading.Event | None = None) -> Answer:
    """Send a request to an application; a stream is left at its first part that has a word."""
    start: dict[str, Any] = {}
    parts: list[bytes] = []
    is_sent, gone = False, asyncio.Event()

    async def receive() -> Message:
        nonlocal is_sent
        if not is_sent:
            is_sent = True
            return {"type": "http.request", "body": request.content, "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
            return
        parts.append(message.get("body", b""))
        if begun is not None and parts[-1]:
            begun.set()
        if not message.get("more_body") or (until in b"".join(parts) and b"event-stream" in str(start).encode()):
            gone.set()

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": request.method, "scheme": "http",
        "path": request.url.path, "raw_path": request.url.raw_path.partition(b"?")[0], "root_path": "",
        "query_string": request.url.query, "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 50000), "server": ("localhost", 8000),
    }  # fmt: skip
    async with asyncio.timeout(30):
        await app(scope, receive, send)
    headers, body = httpx.Headers(start["headers"]), b"".join(parts)
    return Answer(start["status"], headers, gzip.decompress(body) if "content-encoding" in headers else body)


def check(answer: Answer, what: Any, *, is_refused: bool = False, said: str = "") -> None:
    """Check that nothing failed and nothing was given away; ``said`` is what the caller named, and may hear again."""
    shown = str(what)[:300]
    is_busy = answer.status == 503 and "retry-after" in answer.headers
    assert answer.status < 500 or is_busy, (shown, answer)
    assert not is_refused or answer.status >= 400, (shown, answer)
    if answer.status < 400:
        found = _LEAK.search(answer.body.decode().replace(said, "") if said else answer.body.decode())
        assert found is None, (shown, found, answer.body[:1000])
        return
    assert answer.media_type == PROBLEM, (shown, answer)
    told = answer.json()
    assert (told["status"], bool(told["title"]), bool(told["detail"])) == (answer.status, True, True), (shown, told)
    assert len(answer.body) < 8000, shown
    found = _LEAK.search(told["detail"].replace(said, "") if said else told["detail"])
    assert found is None, (shown, found, told)


NINES = "9" * 400
#: No times, as a query has them.
MOMENTS = (
    "", "x", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "2026-03-01T24:00:00Z", "2016-12-31T23:59:60Z",
    "2026-03-01", "2026-03-01T08:00:00", "1e300", "-1e300", NINES, "-2026-03-01T00:00:00Z", "2026-02-29T00:00:00Z",
    "2026-03-02T00:00:00Z/2026-03-01T00:00:00Z", "٢٠٢٦-٠٣-٠١T00:00:00Z", "2026-03-01T00:00:00+99:99", "NaN",
    "infinity", "now()", "2026-W09-7T00:00:00+24:00", "2026-03-01T00:00:00Z; drop table x", "\u2028",
)  # fmt: skip
#: Times that are some, at the ends of the calendar.
EDGES = (
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00",
    "1969-12-31T23:59:59.999999Z", "20260301T080000.5+0800",
)  # fmt: skip
#: No ids, as a path has them.
IDS = (
    "-1", "0", "9223372036854775808", "18446744073709551616", "1e400", "1.5", "0x1", "NaN", "x", "%D9%A3", "%EF%BC%91",
    "1%00", "%00", "1%2F2", "%252e%252e%252f", "1;drop", "1'--", "%ff", "%20", NINES, "1__0", "++1", "null", "true",
)  # fmt: skip
#: Questions to SensorThings beside those of its own test.
QUESTIONS = (
    "$filter=" + "(" * 3000 + "1 eq 1" + ")" * 3000, "$filter=" + " or ".join(["id eq 1"] * 700),
    "$filter=" + " or ".join(["id eq 1"] * 3_000), "$filter=" + "not(" * 900 + "true" + ")" * 900,
    "$filter=name eq " + "'" * 999, "$filter=name eq 'a''''b'''", "$filter=name eq '\\' or 1 eq 1 or name eq '",
    "$filter=" + "tolower(" * 500 + "name" + ")" * 500 + " eq 'x'", "$filter=id eq " + "1 add " * 1500 + "1",
    "$filter=st_intersects(location, geography'POLYGON((0 0,NaN 1,1 1,0 0))')",
    "$filter=geo.intersects(location,geography'SRID=999999;POINT(1 1)')", "$filter=pg_read_file('/etc/passwd') eq 'x'",
    "$filter=st_within(location,geography'POLYGON((0 0,2 2,0 2,2 0,0 0))')", "$filter=geo.distance(,) lt 1",
    "$filter=st_contains(geography'GEOMETRYCOLLECTION(" + ",".join(["POINT(1 1)"] * 300) + ")',location)",
    "$filter=location eq geography'CIRCULARSTRING(0 0,1 1,2 0)'", "$filter=geo.length(geography'LINESTRING(0 0)') gt 0",
    "$filter=substring(name,2147483648) eq 'x'", "$filter=id div 0 eq 1 and 1 mod 0.0 eq 1", "$filter=-(-(-1)) eq 1",
    "$expand=" + "Datastreams/Thing/" * 10,
    "$expand=" + "Datastreams($expand=Thing($expand=" * 10 + "Thing" + "))" * 10,
    "$expand=Datastreams($expand=Observations($expand=Datastream($expand=Thing)))", "$expand=" + "(" * 4000,
    "$expand=Datastreams($filter=name eq ')($expand=Thing')", "$expand=Datastreams;Locations", "$expand=$value",
    "$top=2147483648&$skip=999999", "$top=9223372036854775807", "$skip=1000001", "$skip=-0", "$top=0x10", "$top=١",
    "$orderby=" + ",".join(["name"] * 1500), "$orderby=name;drop", "$orderby=result desc nulls first", "$orderby=1",
    "$select=" + ",".join(["name"] * 1500), "$select=*", "$select=name,(select 1)", "$skiptoken=9223372036854775808",
    "$skiptoken=-1", "$count=1", "$count=TRUE", "$resultFormat=dataArray&$expand=Datastream", "$%66ilter=x",
)  # fmt: skip
#: Bodies that are no JSON, or that no reader should follow.
BODIES = (
    b"", b"[", b"{", b"null", b"true", b'"x"', b"0", b"[]", b"{}", b"[[]]", b"[null]", b"[1e400]", b"NaN", b"[NaN]",
    b'{"a": Infinity}', b'{"a": -Infinity}', b'{"\\ud800": "\\udfff"}', b'["\\ud800"]', b'\xef\xbb\xbf{"a": 1}',
    '{"a": 1}'.encode("utf-16"), '{"a": 1}'.encode("utf-32"), b'{"a": "\xff\xfe"}', b'{"a": "\x00"}', b"\x00" * 1000,
    b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000, b"[" * 1000 + b"]" * 1000,
    b"[" + b"[" * 300 + b"]" * 300 + b"]", b'{"a": 1, "a": 2}', b'{"__proto__": {"x": 1}}', b"1" * 5000, b"a=1&b=2",
    b'{"a": ' + b"9" * 5000 + b"}", b"<a/>", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--", b"\x1f\x8b",
    gzip.compress(b"[" + b"0," * 4_000_000 + b"0]"), b" " * (8 * 1024 * 1024 + 1),
)  # fmt: skip


def nested(levels: int) -> Any:
    """Return a list in a list and so on."""
    found: Any = []
    for _ in range(levels):
        found = [found]
    return found


#: Values in the place of a number, a text, a time, an object.
VALUES: tuple[Any, ...] = (
    None, True, -1, 2**53 + 1, 2**63 - 1, 1e308, -1e308, 5e-324, "", " ", "\u0000", "x" * 100_000, "\u202e\u200d", [],
    {}, [1], {"a": 1}, nested(250), nested(300), {"a": nested(253)}, "1e400", "NaN", "٣", "0x1", "🦄" * 60,
)  # fmt: skip

_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


def xml_corpus(plain: str) -> Iterator[tuple[str, bytes]]:
    """Yield what a document may be turned into, by name; ``plain`` has the word HERE in an attribute or a text."""
    root = re.search(r"<(\w+)", plain)
    assert root is not None
    declared = f"<!DOCTYPE {root[1]} [%s]>{plain}"
    outside = declared % '<!ENTITY e SYSTEM "file:///etc/passwd">'
    laughing = declared % f'<!ENTITY l0 "ha">{_LAUGHS}'
    yield "file", outside.replace("HERE", "&e;").encode()
    yield "parameter", (declared % '<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;').encode()
    yield "network", (declared % '<!ENTITY e SYSTEM "http://127.0.0.1:9/">').replace("HERE", "&e;").encode()
    yield "laughs", laughing.replace("HERE", "&l9;").encode()
    yield "quadratic", (declared % f'<!ENTITY q "{"q" * 9_000}">').replace("HERE", "&q;" * 9_000).encode()
    yield "only a type", (declared % "").encode()
    yield "a type elsewhere", f'<!DOCTYPE {root[1]} SYSTEM "file:///etc/passwd">{plain}'.encode()
    for encoding in ("utf-16", "utf-16-be", "utf-7"):
        text = f'<?xml version="1.0" encoding="{encoding}"?>' + outside.replace("HERE", "&e;")
        yield f"file in {encoding}", text.encode(encoding)
    yield "included", plain.replace("HERE", '<x xmlns="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>').encode()
    yield "wrong encoding", b'<?xml version="1.0" encoding="ascii"?>' + plain.replace("HERE", "龙岗").encode()
    yield "no such encoding", b'<?xml version="1.0" encoding="klingon"?>' + plain.encode()
    yield "not the encoding", plain.replace("HERE", "龙岗").encode("gb18030")
    yield "unclosed", plain.encode()[:-5]
    yield "nothing", b""
    yield "a blank", b" \n"
    yield "bytes", bytes(range(256)) * 10
    yield "deep", b"<a>" * 100_000
    yield "deep and closed", b"<a>" * 5_000 + b"</a>" * 5_000
    yield "many attributes", b"<a " + b" ".join(b'b%d="1"' % n for n in range(10_000)) + b"/>"
    yield "long text", plain.replace("HERE", "x" * 2_000_000).encode()
    yield "huge", plain.replace("HERE", "x" * 50_000_000).encode()
    yield "control", plain.replace("HERE", "&#0;&#1;").encode()
    yield "another root", b"<html/>"
    yield "instruction", b'<?xml-stylesheet href="file:///etc/passwd"?>' + plain.replace("HERE", "").encode()[:-9]


#: Where no webhook may lead, in every spelling.
TARGETS = (
    "http://0/", "http://0.0.0.0/", "http://127.1/", "http://017700000001/", "http://0177.0.0.1/",
    "http://0x7f000001/", "http://0x7f.0x0.0x0.0x1/", "http://2130706433/", "http://127.0.0.1.:80/",
    "http://127.000.000.001/", "http://[::]/", "http://[::1]:80/", "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::7f00:1]/", "http://[2002:7f00:1::]/", "http://[2001:0:7f00:1::]/", "http://[fc00::1]/",
    "http://[fd12:3456::1]/", "http://[fe80::1]/", "http://[ff02::1]/", "http://[fe80::1%25lo]/", "http://[fec0::1]/",
    "http://[2001:db8::1]/", "http://[::ffff:0:10.0.0.1]/", "http://10.0.0.1/", "http://172.16.0.1/",
    "http://192.168.1.1/", "http://100.64.0.1/", "http://169.254.169.254/", "http://192.0.0.8/", "http://192.0.2.1/",
    "http://198.18.0.1/", "http://203.0.113.1/", "http://224.0.0.1/", "http://240.0.0.1/", "http://255.255.255.255/",
    "http://localhost/", "http://LOCALHOST./", "http://①②⑦.0.0.1/", "http://127。0。0。1/", "http://ⓛocalhost/",
    "http://127.0.0.1%2f@example.org/", "http://example.org@127.0.0.1/", "http://me@example.org/",
    "http://:secret@example.org/", "http:///127.0.0.1/", "http:127.0.0.1", "//127.0.0.1/",
    "http://127.0.0.1\\@example.org/", "http://example.org:0/", "http://example.org:65536/", "http://example.org:-1/",
    "http://example.org:x/", "http://example.org:٨٠/", "gopher://example.org/", "javascript:alert(1)", "data:,x", "x",
    "file:///etc/passwd", "ftp://example.org/", "unix:///run/x.sock", "postgresql://u@h/d", "ws://example.org/",
    "http://", "http://example.org/\r\nX: y", "http://exa mple.org/", "http://[::1", "http://]/", "http://xn--/",
    "http://.../", "http://" + "a." * 200 + "org/", "http://" + "a" * 64 + ".org/", "http://[v1.x]/",
    "http://\u0000.org/", " ", "http://%31%32%37.0.0.1/",
)  # fmt: skip
