"""Code that only `50_czkawka` needs."""
