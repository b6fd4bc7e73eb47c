"""What only `00_catalogue` needs."""
