DROP INDEX cim.event_open_geom_idx;
