"""One tree of errors; a class's docstring is its default message, and messages name the value and the remedy.

Messages that people meet have a code and their values beside them, from which a viewer tells them in its language.
"""

from __future__ import annotations

import re
from typing import Any


class CimError(Exception):
    """The request could not be carried out."""

    def __init__(self, detail: str | None = None, code: str | None = None, /, **values: Any) -> None:
        """Keep what is said, and what it takes to say the same in another language.

        Parameters
        ----------
        detail
            The sentence in English; the class's own where nothing is said.
        code
            Which sentence it is; it stays as it is when the sentence is written anew. The class's own sentence has
            the class's name for it.
        values
            What the sentence tells beside its words, each by its name: numbers, ids, names, lists of them. Nothing
            else, as they go out with it.
        """
        self.detail = detail or (type(self).__doc__ or "").strip()
        self.code = code or (None if detail else _snake_case(type(self).__name__))
        self.values = values
        super().__init__(self.detail)

    def told(self) -> dict[str, Any]:
        """Return it as the reason that another error gives."""
        return {"detail": self.detail, "code": self.code, "values": self.values}


class InvalidInput(CimError):
    """A value is not valid."""


class InvalidGeometry(InvalidInput):
    """A geometry is not valid."""


class InvalidCode(InvalidInput):
    """An official code is not valid."""


class TooLarge(InvalidInput):
    """The input is larger than the limit."""


class NotFound(CimError):
    """Nothing has this id."""


class Unauthenticated(CimError):
    """A key is needed: send it as 'Authorization: Bearer KEY', or sign in."""


class Forbidden(CimError):
    """The role of this key does not allow it."""


class InvalidFile(CimError):
    """The file cannot be read as what it claims to be."""


class UnknownFormat(InvalidFile):
    """No importer recognises the content of this file."""


class MissingCrs(InvalidFile):
    """The file does not say its coordinate reference system; give it with --crs EPSG:N."""


class UnplacedModel(CimError):
    """The model says nothing reliable about its place; give it with --place FILE."""

    #: where in the file, and the reason, as the quarantine names them
    place, reason = "model", "unplaced_model"
    #: what a person needs to know to decide
    evidence: dict[str, object] | None = None


class DoubtfulCrs(UnplacedModel):
    """The coordinates do not fit the system that the file claims; say which with --crs."""

    place, reason = "file", "doubtful_crs"


class Conflict(CimError):
    """What is asked for does not fit the state that something is in."""


class Outdated(CimError):
    """What was read from the database has changed meanwhile; do it again."""


class InvalidSetting(CimError):
    """A setting is not valid."""


class DatabaseUnavailable(CimError):
    """The database does not answer; 'cim doctor' says what to do."""


class DatabaseNotReady(CimError):
    """The database has no city model yet; run 'cim init'."""


class ClusterFailure(CimError):
    """The private PostgreSQL cluster could not be made or started."""


class Busy(CimError):
    """The server is busy; try again in a moment."""


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
