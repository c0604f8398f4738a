"""A drawn sample of matches, to be looked at: ``python -m bench.matching_sample [FILE.png] [DATASET]``.

Draws what the database of the settings holds: of sources that share a building, and of models that found none, the
outlines of all that lies there, with the score. The doubtful ones come first, then some by chance (always the same).
"""

from __future__ import annotations

import sys
from pathlib import Path

import geopandas
import matplotlib as mpl
import numpy as np
import shapely
from sqlalchemy import Connection, text

from cim.db import database_url, make_engine
from cim.settings import read_settings

COLUMNS, ROWS = 4, 3
RESULT = Path(__file__).parent / "results" / "matching_sample.png"
COLOURS = {"footprint": "#4a4a4a", "ifc": "#c8102e", "register": "#1f77d0"}
#: Sources that joined a building of another's making, or models that stand alone.
JOINED = """
select s.id, s.kind, s.building_id, d.name as dataset, s.source_key, s.score,
    coalesce(s.reason ->> 'iou', s.reason ->> 'overlap') as overlap
from cim.building_source s join cim.dataset d on d.id = s.dataset_id
where s.geom is not null and (not coalesce((s.reason -> 'created')::boolean, false) or s.kind = 'ifc')
    and (cast(:dataset as text) is null or d.name = :dataset)
order by s.score, s.id
"""
AROUND = """
select o.kind, o.building_id, ST_AsBinary(o.geom) as wkb, d.name as dataset
from cim.building_source s join cim.building_source o on ST_DWithin(o.geom, s.geom, 0.0003)
    join cim.dataset d on d.id = o.dataset_id
where s.id = :id order by o.kind = 'ifc', o.id
"""


def choose(rows: list[object], count: int) -> list[object]:
    """Return half of the worst and half by chance."""
    worst = rows[: count // 2]
    rest = rows[count // 2 :]
    picked = np.random.default_rng(1).permutation(len(rest))[: count - len(worst)]
    return worst + [rest[n] for n in sorted(picked)]


def draw(connection: Connection, axes: object, row: object) -> None:
    """Draw one source and all that lies around it, in metres around its middle; its own building is filled."""
    found = connection.execute(text(AROUND), {"id": row.id}).all()
    shapes = geopandas.GeoSeries([shapely.from_wkb(bytes(entry.wkb)) for entry in found], crs=4326)
    metric = shapes.to_crs(shapes.estimate_utm_crs())
    middle = metric.union_all().centroid
    for entry, shape in zip(found, metric, strict=True):
        moved = shapely.transform(shape, lambda points: points - [middle.x, middle.y])
        colour = COLOURS[entry.kind]
        is_home = entry.building_id == row.building_id
        if shapely.get_dimensions(moved) == 0:
            axes.plot(*shapely.get_coordinates(moved).T, ".", color=colour)
            continue
        geopandas.GeoSeries([moved]).plot(
            ax=axes, facecolor=colour if is_home else "none", alpha=0.35 if is_home else 0.8, edgecolor=colour
        )
        geopandas.GeoSeries([moved]).boundary.plot(
            ax=axes, color=colour, linewidth=1.6 if is_home else 0.6, linestyle="--" if entry.kind == "ifc" else "-"
        )
    axes.set_title(
        f"{row.dataset[:28]}\n{row.source_key[:24]}\nscore {row.score:.2f}, overlap {row.overlap}", fontsize=6
    )
    axes.tick_params(labelsize=5)
    axes.set_aspect("equal")


def main() -> int:
    """Draw and say how many matches there are."""
    mpl.use("Agg")
    from matplotlib import pyplot

    path = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULT
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset = sys.argv[2] if len(sys.argv) > 2 else None
    engine = make_engine(database_url(read_settings()))
    with engine.connect() as connection:
        rows = list(connection.execute(text(JOINED), {"dataset": dataset}).all())
        figure, grid = pyplot.subplots(ROWS, COLUMNS, figsize=(3 * COLUMNS, 3 * ROWS))
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, row in zip(grid.flat, choose(rows, ROWS * COLUMNS), strict=False):
            axes.set_axis_on()
            draw(connection, axes, row)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    print(f"{len(rows)} sources joined a building or are models; {min(len(rows), ROWS * COLUMNS)} drawn in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
