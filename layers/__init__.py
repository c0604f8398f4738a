"""GIS files, rasters, networks and registers into the city model; the catalogue; spatial queries by theme."""
