"""The synthetic district: ordinary GIS, register, raster and IFC files with their planted faults."""
