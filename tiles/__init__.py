"""The city model as vector tiles, 3D Tiles, terrain tiles and pydeck scenes."""
