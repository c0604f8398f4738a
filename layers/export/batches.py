"""The rows of an export as a stream of Arrow batches from a cursor of the server: memory does not grow with them."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from sqlalchemy import Connection

from cim.importing import Progress
from layers.export.columns import ExportColumn
from layers.export.selection import Selection

BATCH_ROWS = 5_000


class BatchStream:
    """Batches of rows, by id.

    A library in C that reads the stream says only that reading failed; ``error`` is why.
    """

    def __init__(
        self,
        connection: Connection,
        selection: Selection,
        columns: list[ExportColumn],
        schema: pa.Schema,
        total: int,
        progress: Progress,
    ) -> None:
        self.connection = connection
        self.schema = schema
        self.total = total
        self.progress = progress
        self.rows = 0
        self.error: Exception | None = None
        # Labels by number: attributes may have names that no column of a statement can have.
        labelled = [entry.expression.label(f"c{number}") for number, entry in enumerate(columns)]
        self.statement = selection.with_datasets(*labelled).order_by(selection.rows.c.id)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield all batches."""
        try:
            with self.connection.execute(
                self.statement, execution_options={"stream_results": True, "yield_per": BATCH_ROWS}
            ) as result:
                for part in result.partitions():
                    values = zip(*part, strict=True)
                    arrays = [pa.array(column, field.type) for column, field in zip(values, self.schema, strict=True)]
                    yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)
                    self.rows += len(part)
                    self.progress("writing", self.rows, self.total)
        except Exception as error:
            self.error = error
            raise

    def reader(self) -> pa.RecordBatchReader:
        """Return the stream for a library in C."""
        return pa.RecordBatchReader.from_batches(self.schema, self.batches())
