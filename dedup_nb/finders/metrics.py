"""The distances of two vectors that clustering knows."""

METRICS = ("euclidean", "cosine", "manhattan")
