"""Importers of GIS files, OpenStreetMap extracts, registers and rasters."""
