"""Code that only `20_time_window` needs."""
