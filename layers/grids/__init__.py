"""Management grids and grids for analysis."""
