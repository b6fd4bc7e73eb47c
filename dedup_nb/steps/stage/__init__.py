"""Code that only `90_stage` and `95_approve` need."""
