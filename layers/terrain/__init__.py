"""Rasters of height."""
