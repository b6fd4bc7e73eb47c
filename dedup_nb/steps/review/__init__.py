"""What only `80_review` needs."""
