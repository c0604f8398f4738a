"""Zones: named areas that people draw and work with."""
