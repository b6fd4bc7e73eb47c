"""Acceptance samples: how many images of a plan may be wrong, from the answers about a few of them.

Standard library only, so that approval can compute every bound again and believes no number that
stands in a file.
"""
