"""Errors: a sentence, and what it takes to say the same in another language."""

from __future__ import annotations

import pytest

from cim.errors import Busy, CimError, DatabaseNotReady, NotFound


def test_a_class_s_own_sentence_has_the_class_s_name_for_its_code() -> None:
    assert (Busy().detail, Busy().code) == ("The server is busy; try again in a moment.", "busy")
    assert DatabaseNotReady().code == "database_not_ready"
    with pytest.raises(Busy) as caught:
        raise Busy
    assert caught.value.code == "busy"


def test_another_sentence_has_the_code_that_is_said_or_none() -> None:
    assert NotFound("no such thing").code is None
    error = NotFound("there is no zone 7", "no_such_zone", id=7, detail="kept", code="kept")
    assert (str(error), error.code) == ("there is no zone 7", "no_such_zone")
    assert error.values == {"id": 7, "detail": "kept", "code": "kept"}
    assert error.told() == {"detail": "there is no zone 7", "code": "no_such_zone", "values": error.values}


def test_an_error_is_told_by_its_sentence() -> None:
    assert str(CimError()) == "The request could not be carried out."
