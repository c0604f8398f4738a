"""One module a kind of building; each has ``author(model, furnishing)``."""
