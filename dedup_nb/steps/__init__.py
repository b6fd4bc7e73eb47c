"""One folder per notebook, with the code that only this notebook needs."""
