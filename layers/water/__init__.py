"""Rivers: their direction, order, banks, catchments and works."""
