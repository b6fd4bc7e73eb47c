"""Results -> charts, tables and pages with pictures that can be read offline."""

from dedup_nb.library.quantities import size_text
from dedup_nb.report.charts import Chart, curve, histogram, of_similarity, similarities
from dedup_nb.report.sheets import Sheet, Table, changes, freed_by, table_html
from dedup_nb.report.units import value_text, with_unit

__all__ = [
    "Chart",
    "Sheet",
    "Table",
    "changes",
    "curve",
    "freed_by",
    "histogram",
    "of_similarity",
    "similarities",
    "size_text",
    "table_html",
    "value_text",
    "with_unit",
]
