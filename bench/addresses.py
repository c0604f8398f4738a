"""Addresses to buildings and units on the whole district: time a query, addresses a second in a batch, right answers.

Run as ``python -m bench.addresses`` (or ``./run bench addresses``) with the full district's buildings and units in
the database that the settings name. Addresses are drawn from the register of units, and written as people write:
half of them with other words and widths, parts left out, the order turned, or one sign wrong. The peer is what the
database offers by itself: the building whose address is most alike by trigrams.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, text

from bench.lib.result import Goal, row, save
from cim.db import database_url, make_engine
from cim.settings import read_settings
from layers.addresses.answer import find
from layers.addresses.canonical import numeral
from layers.addresses.many import find_many
from layers.addresses.pinyin import pinyin_of

QUERIES, BATCH, PEER_QUERIES = 300, 20_000, 20
GOAL_MS, GOAL_PER_S = Goal(30.0), Goal(3000.0, is_least=True)
_SAMPLE = text(
    "SELECT u.id, u.building_id, u.room, a.district, a.street, a.community, a.road, a.number, a.estate, a.block"
    " FROM cim.unit u TABLESAMPLE SYSTEM (:percent) REPEATABLE (7) JOIN cim.address a ON a.building_id = u.building_id"
    " WHERE a.block IS NOT NULL AND a.road IS NOT NULL"
)
_PEER = text("SELECT id FROM cim.building WHERE address % :asked ORDER BY similarity(address, :asked) DESC, id LIMIT 1")


class Case(NamedTuple):
    """One address as somebody may write it, and what it means."""

    written: str
    building_id: int
    unit_id: int | None


def plain(row: Any, _random: np.random.Generator) -> Case:
    """Write the whole address, as registers do."""
    return Case(
        f"深圳市{row.district}{row.street}{row.community}{row.road}{row.number}号{row.estate}{row.block}{row.room}室",
        row.building_id,
        row.id,
    )


def loose(row: Any, random: np.random.Generator) -> Case:
    """Write it in one of several careless ways."""
    block = row.block.replace("栋", str(random.choice(["幢", "座", "号楼", "栋"])))
    road, estate, room = row.road, row.estate, row.room
    number = str(random.choice([row.number, _in_chinese(row.number), _wide(row.number)]))
    ways = [
        f"{road}{number}号{estate}{block}{room}",
        f"{estate}{block}{room}室，{road}{number}号，{row.street}",
        f"{row.district[:2]}{row.street[:2]}{road}{number}号{estate}{block}{_wide(room)}房",
        f"{row.street}{_homophone(road, random)}{number}号{estate}{block}{room}室",
        f"{road}{number}号{_one_wrong(estate, random)}{block}{room}",
    ]
    return Case(str(random.choice(ways)), row.building_id, row.id)


def typed(row: Any, _random: np.random.Generator) -> Case:
    """Type road, number and block in pinyin's initials."""
    return Case(f"{pinyin_of(row.estate)[1]}{pinyin_of(row.block)[1]}", row.building_id, None)


def _wide(digits: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) for sign in digits)


def _in_chinese(digits: str) -> str:
    return numeral(int(digits)) if int(digits) < 100 else "".join("零一二三四五六七八九"[int(sign)] for sign in digits)


def _homophone(word: str, random: np.random.Generator) -> str:
    pairs = {"平": "坪", "龙": "隆", "清": "青", "康": "糠", "德": "得", "盛": "圣", "爱": "艾", "华": "桦", "安": "桉"}
    places = [n for n, sign in enumerate(word) if sign in pairs]
    if not places:
        return word
    at = int(random.choice(places))
    return word[:at] + pairs[word[at]] + word[at + 1 :]


def _one_wrong(word: str, random: np.random.Generator) -> str:
    at = int(random.integers(0, len(word)))
    return word[:at] + "某" + word[at + 1 :]


def draw(connection: Connection, count: int, random: np.random.Generator, *ways: Callable[..., Case]) -> list[Case]:
    """Return addresses of units drawn at random, written in the given ways in turn."""
    total = connection.execute(text("SELECT reltuples FROM pg_class WHERE oid = 'cim.unit'::regclass")).scalar_one()
    percent = min(100.0, 100.0 * 3 * count / max(float(total), 1.0) + 0.1)
    rows = connection.execute(_SAMPLE, {"percent": percent}).all()
    chosen = random.permutation(len(rows))[:count]
    return [ways[n % len(ways)](rows[place], random) for n, place in enumerate(chosen.tolist())]


def one_by_one(connection: Connection, cases: Sequence[Case]) -> tuple[list[float], int]:
    """Return the milliseconds of each query (wall clock) and how many answers were right."""
    find(connection, ["龙平大到1号"])  # loads the tables of pinyin
    times, right = [], 0
    for case in cases:
        began = time.perf_counter()
        [found] = find(connection, [case.written])
        times.append(1000 * (time.perf_counter() - began))
        right += is_right(found, case)
    return times, right


def is_right(found: dict[str, Any], case: Case) -> bool:
    """Tell whether the building (and the unit, where one was asked for) is the one that was meant."""
    if case.unit_id is None:
        # Initials stand for several names; the meant building is to be among those that are offered.
        return case.building_id in {one["id"] for one in found["candidates"]}
    home = found["building"] and found["building"]["id"] == case.building_id
    return bool(home and found["unit"] and found["unit"]["id"] == case.unit_id)


def measure(connection: Connection) -> list[dict[str, Any]]:
    """Return the rows of the result."""
    random = np.random.default_rng(20250601)
    buildings = connection.execute(text("SELECT count(*) FROM cim.address")).scalar_one()
    rows = []
    for name, ways in (("as registers write", (plain,)), ("carelessly written", (loose,)), ("in pinyin", (typed,))):
        cases = draw(connection, QUERIES, random, *ways)
        times, right = one_by_one(connection, cases)
        work = f"one address {name}, {buildings} buildings"
        rows += [
            row(f"{work}: median", float(np.median(times)), "ms", goal=GOAL_MS, **_peer(connection, random, ways)),
            row(f"{work}: 95 %", float(np.percentile(times, 95)), "ms", goal=GOAL_MS),
            row(f"{work}: {'among the answers' if typed in ways else 'right'}", 100 * right / len(cases), "%"),
        ]
    cases = draw(connection, BATCH, random, plain, loose)
    began = time.perf_counter()
    found = list(find_many(connection.engine, (case.written for case in cases)))
    seconds = time.perf_counter() - began
    right = sum(is_right(one, case) for one, case in zip(found, cases, strict=True))
    wrong = sum(one["building"] is not None and one["building"]["id"] != case.building_id
                for one, case in zip(found, cases, strict=True))  # fmt: skip
    work = f"{len(cases)} addresses at once, half of them carelessly written"
    return [
        *rows,
        row(f"{work}: a second", len(cases) / seconds, "1/s", goal=GOAL_PER_S),
        row(f"{work}: right building and unit", 100 * right / len(cases), "%"),
        row(f"{work}: wrong building", 100 * wrong / len(cases), "%"),
    ]


def _peer(connection: Connection, random: np.random.Generator, ways: tuple[Callable[..., Case], ...]) -> dict[str, Any]:
    """Return the peer and its figure for addresses as registers write them: of others it knows nothing."""
    if ways != (plain,):
        return {}
    times = []
    for case in draw(connection, PEER_QUERIES, random, plain):
        began = time.perf_counter()
        connection.execute(_PEER, {"asked": case.written}).all()
        times.append(1000 * (time.perf_counter() - began))
    return {"peer": "PostgreSQL trigrams", "peer_value": float(np.median(times))}


def main() -> None:
    engine = make_engine(database_url(read_settings()), statement_timeout_s=None)
    with engine.connect() as connection:
        if not connection.execute(text("SELECT EXISTS (SELECT FROM cim.unit)")).scalar_one():
            sys.exit("no units in the database: import the district's buildings and register of units first")
        save("addresses", measure(connection))


if __name__ == "__main__":
    main()
