"""Layers of the model written to files: GeoPackage, GeoJSON, FlatGeobuf, GeoParquet and CityJSON."""
