"""Code that only `80_review` needs."""
