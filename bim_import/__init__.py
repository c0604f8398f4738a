"""IFC files into the city model: reading, georeferencing, mapping, meshes, re-import by diff."""
