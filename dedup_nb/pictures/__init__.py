"""Files -> pixels, fingerprints and features, computed in watched processes and stored."""
