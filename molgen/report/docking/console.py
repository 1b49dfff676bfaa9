"""An evaluation of docking as tables of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from molgen.docking.evaluation.results import Results, Row
from molgen.report.console import table_of
from molgen.report.numbers import number

_SHARES = {
    "top1_valid": "top-1 right and valid",
    "top1": "top-1 right",
    "best_of_5": "best of 5",
    "best_of_n": "best of all",
    "valid": "valid",
}


def evaluation_tables(results: Results) -> list[Table]:
    """Of all complexes, of those with an unfamiliar pocket, and seconds of each stage."""
    tables = [_table("", results.rows)]
    if results.unlike:
        tables.append(_table("pocket unlike training", results.unlike))
    if any(results.differences.values()):
        tables.append(_differences(results))
    return [*tables, _stages(results.rows)]


def _differences(results: Results) -> Table:
    """How much more often the first pose is right and valid, in percentage points."""
    names = list(results.differences)
    table = table_of(("top-1 right and valid, more than", *names))
    for name, others in results.differences.items():
        table.add_row(name, *(_share(others.get(other)) for other in names))
    return table


def _table(title: str, rows: Sequence[Row]) -> Table:
    """A row a program: shares in % with their 95 % intervals, medians of the rest."""
    heads = (title, "n", "failed", "poses", *_SHARES.values(), "RMSD (Å)", "s", "CPU s")
    table = table_of(heads)
    for row in rows:
        found = row.found
        table.add_row(
            row.name,
            str(found["complexes"]),
            str(len(found["failures"])),
            _number(found["poses"], 0),
            *(_share(found[name]) for name in _SHARES),
            _number(found["median_rmsd_nm"], 2, 10),
            _number(found["seconds"], 1),
            _number(found["processor_seconds"], 1),
        )
    return table


def _stages(rows: Sequence[Row]) -> Table:
    """Median seconds of each stage on the clock; checks are those of the judge."""
    names = dict.fromkeys(name for row in rows for name in row.found["stages"])
    table = table_of(("seconds", *names))
    for row in rows:
        table.add_row(row.name, *(_number(row.found["stages"].get(name), 2) for name in names))
    return table


def remarks(results: Results) -> list[str]:
    """A line for each complex that was not docked, and for each failure of a program."""
    lines = [f"{name}: cannot be used: {reason}" for name, reason in results.unusable.items()]
    for row in results.rows:
        lines += [f"{row.name}: {name}: {why}" for name, why in row.found["failures"].items()]
    return lines


def _share(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    value, low, high = (100 * found[key] for key in ("value", "low", "high"))
    return f"{number(value, 1)} ({number(low, 0)}–{number(high, 0)})"


def _number(value: float | None, places: int, times: float = 1) -> str:
    return "" if value is None else number(value * times, places)
