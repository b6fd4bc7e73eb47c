"""Two pictures -> whether they are the same; verdicts are stored by content."""
