"""Keys are stored as hashes and can be revoked; roles are checked in one place."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text

from cim import keys
from cim.access import Caller
from cim.errors import Forbidden, InvalidInput, NotFound


def test_a_key_is_found_by_itself_only(connection: Connection) -> None:
    key = keys.create_key(connection, "planner", "440307001", "规划科")
    row = connection.execute(keys.find_key(key)).one()
    assert (row.role, row.area_code) == ("planner", "440307001")
    assert connection.execute(keys.find_key(key[:-1] + "x")).one_or_none() is None
    everything = str(connection.execute(text("select * from api_key")).mappings().all())
    assert key not in everything
    assert connection.execute(keys.any_key()).scalar_one()


def test_a_revoked_key_is_no_key(connection: Connection) -> None:
    key = keys.create_key(connection, "viewer")
    keys.revoke_key(connection, key)
    assert connection.execute(keys.find_key(key)).one_or_none() is None
    assert not connection.execute(keys.any_key()).scalar_one()
    with pytest.raises(NotFound):
        keys.revoke_key(connection, key)


def test_an_unknown_role_is_named_with_the_known_ones(connection: Connection) -> None:
    with pytest.raises(InvalidInput, match="'king' is not a role; use one of viewer"):
        keys.create_key(connection, "king")


def test_roles_see_their_own_rank_and_below() -> None:
    assert Caller("viewer").visible_levels() == ["viewer", "service"]
    assert "commander" not in Caller("planner").visible_levels()
    assert "admin" in Caller("admin").visible_levels()


def test_actions_are_refused_by_name() -> None:
    Caller("commander").require("demarcate")
    with pytest.raises(Forbidden, match="'planner' may not"):
        Caller("planner").require("demarcate")
