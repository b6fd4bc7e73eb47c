"""Fingerprints and names -> pairs; each finder is ignorant of the others."""
