"""Code that only `40_set_pruning` needs."""
