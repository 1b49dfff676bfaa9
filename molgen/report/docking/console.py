"""An evaluation of docking as tables of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from molgen.docking.evaluation.results import Results
from molgen.report.console import table_of
from molgen.report.numbers import number

_SHARES = {
    "top1_valid": "top-1 right and valid",
    "top1": "top-1 right",
    "best_of_5": "best of 5",
    "best_of_n": "best of all",
    "valid": "valid",
}
_STAGES = ("preparation", "network", "physics", "search", "checks")


def evaluation_table(results: Results) -> Table:
    """A row a program: shares in % with their 95 % intervals, medians of the rest."""
    heads = ("", "n", "failed", "poses", *_SHARES.values(), "RMSD (Å)", "s", "CPU s")
    table = table_of(heads)
    for row in results.rows:
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


def stages_table(results: Results) -> Table:
    """Median seconds of each stage on the clock; checks are those of the judge."""
    used = [name for name in _STAGES if any(name in row.found["stages"] for row in results.rows)]
    table = table_of(("seconds", *used))
    for row in results.rows:
        table.add_row(row.name, *(_number(row.found["stages"].get(name), 2) for name in used))
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
