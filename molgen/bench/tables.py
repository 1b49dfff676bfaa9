"""What was timed, on the console and in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from molgen.files import write_json
from molgen.run import provenance

Row = dict[str, Any]
"""One line of a table, by column."""


def publish(tables: Mapping[str, Sequence[Row]], note: str, output: str | Path | None) -> None:
    """Print tables and the machine they were timed on; write both as JSON if asked to."""
    console = Console()
    for title, rows in tables.items():
        console.print(_table(title, rows))
    console.print(note, highlight=False)
    facts = provenance()
    where = facts.get("gpu") or f"{facts.get('processor')}, {facts['threads']} threads"
    console.print(f"{where}, torch {facts['torch']}")
    if output is not None:
        write_json(Path(output), {"machine": facts, "note": note, "tables": tables})


def _table(title: str, rows: Sequence[Row]) -> Table:
    table = Table(title=title, title_justify="left")
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        table.add_column(name)
    for row in rows:
        table.add_row(*(_text(row.get(name, "")) for name in names))
    return table


def _text(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
