"""GlobalIds that are the same in every run."""

from __future__ import annotations

from uuid import UUID, uuid5

from ifcopenshell import guid

#: Namespace of the district's GlobalIds; any fixed UUID would do.
_NAMESPACE = UUID("6f0d7a52-3a41-5c0e-9a3e-52c1de84a001")


class GlobalIds:
    """Gives IfcGloballyUniqueIds from a model's slug, the seed and a key within the model."""

    def __init__(self, slug: str, seed: int) -> None:
        self._namespace = uuid5(_NAMESPACE, f"{slug}/{seed}")
        self._counts: dict[str, int] = {}

    def of(self, key: str) -> str:
        """Return the 22 characters for ``key``; asked again for the same key, give the next of a series."""
        count = self._counts.get(key, 0)
        self._counts[key] = count + 1
        compressed: str = guid.compress(uuid5(self._namespace, f"{key}#{count}").hex)
        return compressed
