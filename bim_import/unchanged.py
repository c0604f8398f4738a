"""A new file that says the same as the version that is in: known by its content's hash, before it is even opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import version
from typing import Any

import ifcopenshell
from sqlalchemy import Connection, Select, select

from bim_import.content_hash import DIGEST_BYTES, ContentHash
from bim_import.mapping import MODEL_KEY
from cim.errors import Outdated
from cim.importing import ImportOptions
from cim.reports import DatasetDescription, LayerCounts, Note, WriteResult
from cim.tables import dataset, model

#: Raised when the same file gives other rows than before.
REVISION = 2
#: The layers that models write themselves; the others of a report come from the steps after an import.
_NOT_OWN = {"buildings"}


def fingerprint(content: ContentHash, schema: str, options: ImportOptions) -> str | None:
    """Return a hash of all that shapes the rows of a model; None where the content has none."""
    whole = content.whole()
    if whole is None:
        return None
    library: Any = ifcopenshell
    told = (REVISION, version("cim"), library.version, schema, options.digest())
    return blake2b(whole + repr(told).encode(), digest_size=DIGEST_BYTES).hexdigest()


def earlier_version(dataset_name: str) -> Select[Any]:
    """Return the statement for the dataset of a model, with the fingerprint of the version that is in."""
    mark = model.c.attributes["fingerprint"].astext.label("fingerprint")
    return (
        select(dataset, mark)
        .join(model, model.c.dataset_id == dataset.c.id)
        .where(dataset.c.name == dataset_name, model.c.layer_id == "models", model.c.source_key == MODEL_KEY)
    )


@dataclass
class UnchangedModel:
    """A model of which nothing has to be written."""

    description: DatasetDescription
    dataset_name: str
    mark: str
    report: Mapping[str, Any]

    def write(self, connection: Connection, dataset_id: int) -> WriteResult:
        """Return the counts of the version that is in, all unchanged.

        Raises
        ------
        Outdated
            If another version has come in meanwhile.
        """
        row = connection.execute(earlier_version(self.dataset_name)).one_or_none()
        if row is None or row.fingerprint != self.mark:
            raise Outdated
        layers = {
            layer: LayerCounts(read=counts["read"], unchanged=counts["read"])
            for layer, counts in self.report["layers"].items()
            if layer not in _NOT_OWN
        }
        return WriteResult(layers, notes=[Note(**note) for note in self.report["notes"]])


def find_unchanged(connection: Connection, dataset_name: str, mark: str | None) -> UnchangedModel | None:
    """Return the model as unchanged if the version that is in has this fingerprint."""
    row = connection.execute(earlier_version(dataset_name)).one_or_none()
    if row is None or mark is None or row.fingerprint != mark:
        return None
    names = DatasetDescription.__dataclass_fields__
    description = DatasetDescription(**{name: row._mapping[name] for name in names})
    return UnchangedModel(description, dataset_name, mark, row.report)
