"""The table of pairs that every finder makes: `i < j` and one measure."""

MAX_PAIRS = 20_000_000  # that are kept; beyond it a tighter bound is used, or the pairs are refused
