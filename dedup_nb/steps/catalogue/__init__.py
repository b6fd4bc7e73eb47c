"""Code that only `00_catalogue` needs."""
