"""Files -> pixels, fingerprints and features, made in watched processes and kept in the store."""
