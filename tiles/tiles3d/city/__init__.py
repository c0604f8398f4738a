"""Whole layers of the city as 3D Tiles 1.1 with implicit tiling: blocks of buildings, tubes of pipes."""
