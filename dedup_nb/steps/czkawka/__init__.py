"""What only `50_czkawka` needs."""
