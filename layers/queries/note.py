"""A note on an answer: a sentence, and what it takes to say the same in another language."""

from __future__ import annotations

from typing import Any

#: As it is answered: code, message, and where it has them wording and values.
Note = dict[str, Any]


def note(code: str, message: str, wording: str | None = None, **values: Any) -> Note:
    """Return a note as answers carry it.

    Parameters
    ----------
    code
        What it is about; it stays as it is when the sentence is written anew.
    message
        The sentence in English.
    wording
        Which of its sentences it is, where several have the code.
    values
        What the sentence tells beside its words, each by its name: numbers, ids, names.
    """
    told: Note = {"code": code, "message": message}
    if wording is not None:
        told["wording"] = wording
    return told | {"values": values} if values else told
