"""Code that only `index.ipynb` needs, the page with which the lab opens."""
