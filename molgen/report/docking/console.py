"""An evaluation of docking on the console."""

from __future__ import annotations

from rich.table import Table

from molgen.docking.evaluation.results import Results
from molgen.report.console import table_of
from molgen.report.docking.tables import tables


def evaluation_tables(results: Results) -> list[Table]:
    """A table of all programs, and others of what more is known."""
    found = []
    for one in tables(results):
        table = table_of((one.title, *one.heads))
        for row in one.rows:
            table.add_row(*row)
        found.append(table)
    return found
