"""Code that only `60_clusters` needs."""
