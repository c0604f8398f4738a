"""The building models of the synthetic district, authored as ordinary IFC files."""
