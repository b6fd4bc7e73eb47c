"""Two pictures -> are they the same? Verdicts are remembered by content."""
