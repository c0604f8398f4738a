-- changes that were done so long ago that nobody builds a tile from before them any more
DELETE FROM cim.tile_change WHERE done_at < now() - make_interval(secs => :seconds)
