"""Who asks for a layer in 3D, and how it is to be drawn."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from cim.access import Caller
from tiles.tiles3d.models import Ground


class Wanted(NamedTuple):
    """What the drawing depends on beside the data.

    Attributes
    ----------
    ground
        ``true``: at heights in the vertical datum; ``flat``: buildings stand at height 0 and pipes lie below it, for
        maps without terrain.
    without_models
        Buildings that have a placed BIM model are left out.
    files
        The deployment's folder of files, for the terrain under what does not say how high it stands.
    """

    caller: Caller
    ground: Ground = "true"
    without_models: bool = False
    files: Path | None = None

    @property
    def query(self) -> str:
        """What subtrees and contents are asked with, so that they are those of the tileset."""
        asked = [f"ground={self.ground}"] if self.ground != "true" else []
        asked += ["without=models"] if self.without_models else []
        return "?" + "&".join(asked) if asked else ""
