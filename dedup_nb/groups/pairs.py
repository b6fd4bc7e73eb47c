"""The limit on the table of pairs (`i < j` and one measure) that every finder returns."""

MAX_PAIRS = 20_000_000  # for more pairs a tighter bound is used, or the call is refused
