"""Thin near-duplicate pictures: report first, stage, approve by hand, undo at any time."""

__version__ = "0.1.0"
