"""Profiles and parameters, runs and their results, run folders, and running notebooks."""
