"""Fingerprints and names -> pairs; no finder depends on another."""
