"""Profiles and parameters, a run, its results, run folders, executing notebooks."""
