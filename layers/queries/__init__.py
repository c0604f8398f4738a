"""Reads of the whole model: what lies in a zone, one object, search, items of a layer."""
