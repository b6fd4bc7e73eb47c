"""What only `40_set_pruning` needs."""
