"""An evaluation of docking as tables of text, which console and page show alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from molgen.docking.evaluation.results import Results, Row
from molgen.report.numbers import number

_SHARES = {
    "top1_valid": "top-1 right and valid",
    "top1": "top-1 right",
    "best_of_5": "best of 5",
    "best_of_n": "best of all",
    "valid": "valid",
}


@dataclass(frozen=True)
class TextTable:
    """Cells.

    Attributes:
        title: of the table.
        heads: of the columns but the first, which names the rows.
        rows: name and cells of each.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(results: Results) -> list[TextTable]:
    """Of all complexes, of those with an unfamiliar pocket, differences, seconds of each stage."""
    found = [_shares("", results.rows)]
    if results.unlike:
        found.append(_shares("pocket unlike training", results.unlike))
    if any(results.differences.values()):
        found.append(_differences(results))
    return [*found, _stages(results.rows)]


def _shares(title: str, rows: Sequence[Row]) -> TextTable:
    """A row a program: shares in % with their 95 % intervals, medians of the rest."""
    heads = ("n", "failed", "poses", *_SHARES.values(), "for 90 %", "RMSD (Å)", "s", "CPU s")
    return TextTable(title, heads, [_cells(row) for row in rows])


def _cells(row: Row) -> list[str]:
    found = row.found
    return [
        row.name,
        str(found["complexes"]),
        str(len(found["failures"])),
        _number(found["poses"], 0),
        *(share(found[name]) for name in _SHARES),
        "never" if found["poses_for_90"] is None else str(found["poses_for_90"]),
        _number(found["median_rmsd_nm"], 2, 10),
        _number(found["seconds"], 1),
        _number(found["processor_seconds"], 1),
    ]


def _differences(results: Results) -> TextTable:
    """How much more often the first pose is right and valid, in percentage points."""
    names = list(results.differences)
    return TextTable(
        "top-1 right and valid, more than",
        names,
        [
            [name, *(share(others.get(other)) for other in names)]
            for name, others in results.differences.items()
        ],
    )


def _stages(rows: Sequence[Row]) -> TextTable:
    """Median seconds of each stage on the clock; checks are those of the judge."""
    names = list(dict.fromkeys(name for row in rows for name in row.found["stages"]))
    return TextTable(
        "seconds",
        names,
        [
            [row.name, *(_number(row.found["stages"].get(name), 2) for name in names)]
            for row in rows
        ],
    )


def remarks(results: Results) -> list[str]:
    """A line for each complex that was not docked, and for each failure of a program."""
    lines = [f"{name}: cannot be used: {reason}" for name, reason in results.unusable.items()]
    for row in results.rows:
        lines += [f"{row.name}: {name}: {why}" for name, why in row.found["failures"].items()]
    return lines


def share(found: Mapping[str, Any] | None) -> str:
    """A share in % with its interval."""
    if found is None:
        return ""
    value, low, high = (100 * found[key] for key in ("value", "low", "high"))
    return f"{number(value, 1)} ({number(low, 0)}–{number(high, 0)})"


def _number(value: float | None, places: int, times: float = 1) -> str:
    return "" if value is None else number(value * times, places)
