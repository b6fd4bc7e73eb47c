"""Thin near-duplicate pictures: report first, stage, approve by hand, undo at any time."""

import os

# numba reads `.numba_config.yaml` in the current folder, which could name a folder of pickles as
# its cache; what the environment says comes first, and these are the defaults
os.environ.setdefault("NUMBA_CACHE_DIR", "")
os.environ.setdefault("NUMBA_CACHE_LOCATOR_CLASSES", "")

__version__ = "0.1.0"
