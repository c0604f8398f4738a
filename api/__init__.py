"""The web service: composition root, routers, keys, errors to status codes; serves the viewer."""
