"""Hydraulic models of EPANET and SWMM: their nodes, links and catchments as networks of the city."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePath

from sqlalchemy import Connection

from cim.crs import CrsTransform
from cim.errors import InvalidFile
from cim.importing import ImportContext
from cim.reports import DatasetDescription, Note, WriteResult
from cim.sources import Source
from layers.catalogue import standard_tables
from layers.sources import epanet, swmm
from layers.sources.filling import Filling
from layers.sources.guess import Request, Target, choose, read_mapping_option
from layers.sources.inp_original import LARGEST_BYTES, is_too_large, keep_original, sweep_originals
from layers.sources.inp_sections import section_names
from layers.sources.inp_table import InpTable
from layers.sources.transform import describe, transform_for

_START = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:\s*;[^\n]*\n|\s)*\[(TITLE|OPTIONS|JUNCTIONS)\]", re.IGNORECASE)
_OF_SWMM = {"CONDUITS", "SUBCATCHMENTS", "OUTFALLS", "RAINGAGES", "XSECTIONS"}
_OF_EPANET = {"PIPES", "RESERVOIRS", "TANKS"}


@dataclass
class PreparedInp:
    """A model that has been read."""

    format: str
    tables: list[tuple[InpTable, Request, Target]]
    transform: CrsTransform
    crs: str | None
    context: ImportContext
    notes: list[Note] = field(default_factory=list)

    @property
    def description(self) -> DatasetDescription:
        """What the file says of itself."""
        return describe(self.format, self.transform)

    def write(self, connection: Connection, dataset_id: int) -> WriteResult:
        """Write all tables."""
        filling = Filling(connection, dataset_id, notes=list(self.notes))
        for table, request, target in self.tables:
            intake = filling.open(target, request, self.transform, {}, crs=self.crs)
            intake.take(table.batch())
        return filling.finish()


class InpImporter:
    """Takes the text files of both engines."""

    name = "inp"

    def recognise(self, source: Source) -> bool:
        """Tell by the first section and by those that follow."""
        return _START.match(source.head) is not None and bool(section_names(source.path) & (_OF_SWMM | _OF_EPANET))

    def prepare(self, source: Source, context: ImportContext) -> PreparedInp:
        """Read the model; its file never says a CRS."""
        options = context.options
        if options.layer is not None:
            raise InvalidFile("a hydraulic model fills several layers; import it without --layer")
        notes: list[Note] = []
        transform = transform_for(None, options.crs, f"the model '{source.name}'", notes)
        is_swmm = _is_swmm(source)
        tables = swmm.read_swmm(source.path) if is_swmm else epanet.read_epanet(source.path)
        if not any(table.records for table in tables):
            raise InvalidFile("the model has neither nodes nor links")
        own = read_mapping_option(options.mapping)
        found = []
        for table in tables:
            columns = list(dict.fromkeys(name for record in table.records for name in record))
            request = Request(
                PurePath(source.name).name, table.name, columns, table.family, "swmm" if is_swmm else "epanet"
            )
            mapping = own if own is not None and own.layer == table.name else None
            found.append((table, request, choose(request, standard_tables(), mapping_file=mapping)))
        file_format = swmm.FORMAT if is_swmm else epanet.FORMAT
        if is_swmm:
            keep_original(source, context)
            notes += _left_out(source)
        return PreparedInp(file_format, found, transform, options.crs, context, notes)

    def keep(self, connection: Connection, source: Source, context: ImportContext) -> list[Note]:
        """Keep the file of a model that was imported before files were kept; remove those of versions that are no more.

        Only SWMM's own engine needs the file; models of EPANET are computed from their rows.
        """
        if not _is_swmm(source):
            return []
        sweep_originals(connection, context.settings.files, swmm.FORMAT)
        if not keep_original(source, context):
            return []
        return [Note("original_kept", "the model's file was missing and is kept now: its drains can be computed")]


def _is_swmm(source: Source) -> bool:
    return bool(section_names(source.path) & _OF_SWMM)


def _left_out(source: Source) -> list[Note]:
    if not is_too_large(source):
        return []
    most = LARGEST_BYTES // 2**20
    said = f"the file has more than {most} MB and is not kept: its drains cannot be computed here"
    return [Note("original_not_kept", said)]
