"""The city model as 3D Tiles 1.1."""
