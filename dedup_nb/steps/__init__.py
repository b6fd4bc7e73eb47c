"""One folder a notebook: what only that notebook needs."""
