"""What only `60_clusters` needs."""
