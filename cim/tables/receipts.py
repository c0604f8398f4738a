"""Receipts of analyses: the question as it was asked, on what the answer rested, and digests of its parts."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from cim.tables.columns import metadata, now_column

#: ``hash`` is the receipt's own; who may see less gets another answer, so that role and area (a beginning of codes,
#: empty: the whole district) belong to the key. ``body`` is what was posted. ``layers``: layer -> {"version", "found"};
#: ``parts``: part of the answer -> SHA-256.
receipt = Table(
    "receipt",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("area_code", Text, primary_key=True),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("body", LargeBinary),
    Column("layers", JSONB, nullable=False),
    Column("parts", JSONB, nullable=False),
    now_column("answered_at"),
    now_column("asked_at"),
    Index("receipt_asked_at_idx", "asked_at"),
)
