"""Objects around a place as the crow flies: the bound within which the nearest by road are looked for."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.tables import event
from layers.queries.visible import VisibleLayer, field_text, in_area, visible_layers
from layers.routing.asked import NearestAsked
from layers.spot import Spot

#: What is told of an object beside its name and kind, as far as its layer shows it.
_TOLD = ("code", "address", "capacity", "contact", "state")
#: The column that says what an object is, the first that its table has.
_KINDS = ("kind", "type", "use", "class")


class Source(NamedTuple):
    """Where objects come from: a layer, around a place, under conditions; ``columns`` are told of each."""

    layer: VisibleLayer
    spot: Spot
    columns: tuple[ColumnElement[Any], ...]
    conditions: tuple[ColumnElement[bool], ...]

    @property
    def distance_m(self) -> ColumnElement[Any]:
        """Geodesic, to the nearest point of an object."""
        return func.ST_Distance(func.geography(self.layer.table.c.geom), func.geography(self.spot.point))


class Candidates(NamedTuple):
    """Objects nearest first, each with ``distance_m``, longitude, latitude of its nearest point.

    Attributes
    ----------
    total
        How many lie within the radius.
    """

    items: list[dict[str, Any]]
    total: int


def source_of(connection: Connection, asked: NearestAsked, caller: Caller) -> Source:
    """Return where the objects come from that are asked for.

    Raises
    ------
    NotFound
        No such layer that the caller sees.
    InvalidInput
        Its objects have no place.
    """
    found = visible_layers(connection, caller, [asked.layer])
    if not found:
        raise NotFound(
            f"there is no layer '{asked.layer[:60]}' that you may see; /api/layers lists them",
            "no_such_layer", layer=asked.layer[:60],
        )  # fmt: skip
    [layer] = found
    table = layer.table
    if "geom" not in table.c:
        raise InvalidInput(
            f"objects of the layer '{layer.id}' have no place of their own; ask for their buildings",
            "layer_without_places", layer=layer.id,
        )  # fmt: skip
    kind = field_text(table, next((name for name in _KINDS if name in table.c), "kind"))
    assert kind is not None
    conditions = [table.c.layer_id == layer.id, table.c.geom.is_not(None), in_area(table, caller)]
    if asked.kinds:
        conditions.append(kind.in_(asked.kinds))
    if table is event:
        conditions.append(event.c.merged_into_id.is_(None))
    told = [table.c[name] for name in _TOLD if name in table.c and name in layer.fields]
    columns = (table.c.id, table.c.name, kind.label("kind"), table.c.dataset_id, *told)
    return Source(layer, Spot(*asked.place), columns, tuple(conditions))


def nearest_straight(connection: Connection, source: Source, most: int, within_m: float) -> Candidates:
    """Return the nearest objects by geodesic distance; exact, whatever their shapes are."""
    bound = _bound(connection, source, most)
    return within(connection, source, most, within_m if bound is None else min(within_m, bound))


def within(connection: Connection, source: Source, most: int, radius_m: float) -> Candidates:
    """Return the nearest objects within a distance, at most so many."""
    table = source.layer.table
    closest = func.ST_ClosestPoint(func.ST_Force2D(table.c.geom), source.spot.point)
    candidates = (
        select(*source.columns, source.distance_m.label("distance_m"), func.ST_X(closest).label("longitude"),
               func.ST_Y(closest).label("latitude"))
        # A little more, so that rounding leaves out nothing; the limit cuts it.
        .where(*source.conditions, table.c.geom.op("&&")(source.spot.box(1.01 * radius_m + 1)))
        .subquery("candidates")
    )  # fmt: skip
    rows = connection.execute(
        select(candidates, func.count().over().label("total"))
        .where(candidates.c.distance_m <= radius_m + 1e-3)
        .order_by(candidates.c.distance_m, candidates.c.id)
        .limit(most)
    ).mappings()
    found = [{str(name): value for name, value in row.items()} for row in rows]
    total = found[0]["total"] if found else 0
    for item in found:
        del item["total"]
    return Candidates(found, total)


def has_objects(connection: Connection, source: Source) -> bool:
    """Tell whether the layer has any object at all."""
    table = source.layer.table
    is_filled = select(select(table.c.id).where(table.c.layer_id == source.layer.id).exists())
    return bool(connection.execute(is_filled).scalar_one())


def _bound(connection: Connection, source: Source, most: int) -> float | None:
    """Return a distance within which there are so many objects, by the index in degrees; None where there are fewer."""
    table = source.layer.table
    nearest = (
        select(source.distance_m.label("distance_m"))
        .where(*source.conditions)
        .order_by(table.c.geom.op("<->")(source.spot.point))
        .limit(most)
        .subquery()
    )
    bounds = select(func.count().label("found"), func.max(nearest.c.distance_m).label("bound")).select_from(nearest)
    row = connection.execute(bounds).one()
    return float(row.bound) if row.found == most else None
