"""Getting there by road: routes, the nearest, and what is reached in a time."""
