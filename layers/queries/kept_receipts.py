"""Receipts that are kept with their questions, to be asked again: does the answer still hold, and what changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, cast, delete, func, select
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.dialects.postgresql import insert as upsert

from cim.access import RANK, Caller
from cim.errors import InvalidInput, NotFound
from cim.tables import receipt

#: So long after it was last asked for.
KEPT = timedelta(days=400)
#: Larger questions are answered and not kept.
LARGEST_BODY = 1_000_000
_LONGEST_HASH = 80
#: What changes with the clock alone, and the receipt itself.
_NO_PART = frozenset({"generated_at", "age_days", "age_s", "moment", "receipt"})
_MARKS = tuple(f'"{name}":'.encode() for name in sorted(_NO_PART))


class Question(NamedTuple):
    """An analysis as it was asked over HTTP."""

    method: str
    path: str
    query: str
    body: bytes


def keep_receipt(connection: Connection, question: Question, answer: Mapping[str, Any], caller: Caller) -> None:
    """Keep the receipt of an answer with its question, in the caller's transaction; the first answer stays."""
    if len(question.body) > LARGEST_BODY:
        return
    # A receipt that is lost with the machine a moment later can be had again by asking.
    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
    values = {
        "hash": receipt_of(answer)["hash"],
        "role": caller.role,
        "area_code": caller.area_code or "",
        "method": question.method,
        "path": question.path,
        "query": question.query,
        "body": question.body or None,
        "layers": layers_of(answer),
        "parts": parts_of(answer),
    }
    statement = upsert(receipt).values(values)
    again = {"asked_at": func.now()}
    connection.execute(statement.on_conflict_do_update(constraint="receipt_pkey", set_=again))


def find_receipt(connection: Connection, digest: str, caller: Caller) -> Row[Any]:
    """Return a kept receipt: the caller's own, else one of somebody who sees no more.

    Raises
    ------
    InvalidInput, NotFound
    """
    if not digest.startswith("sha256:") or len(digest) > _LONGEST_HASH or "\0" in digest:
        raise InvalidInput(
            f"'{digest[:80]}' is no receipt's hash; it begins with sha256:", "not_a_receipt_hash", given=digest[:80]
        )
    roles = [role for role, rank in RANK.items() if rank <= RANK[caller.role]]
    found = connection.execute(
        select(receipt)
        .where(
            receipt.c.hash == digest,
            receipt.c.role.in_(roles),
            func.starts_with(receipt.c.area_code, caller.area_code or ""),
        )
        .order_by(
            receipt.c.role != caller.role, receipt.c.area_code != (caller.area_code or ""), receipt.c.answered_at.desc()
        )
        .limit(1)
    ).one_or_none()
    if found is None:
        raise NotFound(
            f"no receipt {digest[:20]}... is kept; they are kept for {KEPT.days} days after they were last asked for",
            "no_such_receipt", days=KEPT.days,
        )  # fmt: skip
    return found


def told(row: Row[Any]) -> dict[str, Any]:
    """Return a kept receipt as it is answered."""
    body = orjson.loads(row.body) if row.body else None
    return {
        "hash": row.hash,
        "asked": {"method": row.method, "path": row.path, "query": row.query, "body": body},
        "by": {"role": row.role, "area": row.area_code or None},
        "answered_at": row.answered_at.isoformat(),
        "layers": row.layers,
    }


def compare(row: Row[Any], answer: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """Return whether an answer still holds that was given when a receipt was made, and what changed since.

    It holds when all parts of the answer are the same, whatever happened to the layers it rests on.
    """
    now, parts = layers_of(answer), parts_of(answer)
    differs = sorted(name for name in parts.keys() | row.parts.keys() if parts.get(name) != row.parts.get(name))
    layers = [
        {
            "layer": name,
            **{f"{what}_{when}": said.get(name, {}).get(what)
               for what in ("version", "found") for when, said in (("then", row.layers), ("now", now))},
        }
        for name in sorted(row.layers.keys() | now.keys())
    ]  # fmt: skip
    changed = [entry for entry in layers if entry["version_then"] != entry["version_now"]
               or entry["found_then"] != entry["found_now"]]  # fmt: skip
    return {
        "holds": not differs,
        "asked": told(row)["asked"],
        "then": {"at": row.answered_at.isoformat(), "hash": row.hash},
        "now": {"at": receipt_of(answer)["generated_at"], "hash": receipt_of(answer)["hash"]},
        "layers": changed,
        "differs": differs,
        "same_eyes": (row.role, row.area_code) == (caller.role, caller.area_code or ""),
    }


def has_receipt(answer: Mapping[str, Any]) -> bool:
    """Tell whether an answer has a receipt: what could not be computed has none."""
    return "receipt" in answer or "receipt" in answer.get("properties", ())


def receipt_of(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the receipt of an answer; that of a GeoJSON Feature is among its properties."""
    found: Mapping[str, Any] = answer["receipt"] if "receipt" in answer else answer["properties"]["receipt"]
    return found


def layers_of(answer: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return layer -> version and number of objects found, as a receipt tells them."""
    return {
        name: {"version": state["version"], "found": state.get("found")}
        for name, state in receipt_of(answer)["layers"].items()
    }


def parts_of(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return part of an answer -> SHA-256 of its canonical JSON, without what changes with the clock."""
    return {
        str(name): hashlib.sha256(_steady_text(value)).hexdigest()
        for name, value in answer.items()
        if name not in _NO_PART
    }


def forget_receipts(connection: Connection) -> int:
    """Remove receipts that nobody has asked for in a long time; returns how many."""
    return connection.execute(delete(receipt).where(receipt.c.asked_at < func.now() - cast(KEPT, INTERVAL))).rowcount


def _steady_text(value: Any) -> bytes:
    """Return the canonical JSON of a part without what changes with the clock; most parts have nothing of that."""
    said = _canonical(value)
    return _canonical(_steady(orjson.loads(said))) if any(mark in said for mark in _MARKS) else said


def _canonical(value: Any) -> bytes:
    options = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(value, default=str, option=options)


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _steady(one) for name, one in value.items() if name not in _NO_PART}
    return [_steady(one) for one in value] if isinstance(value, list) else value
