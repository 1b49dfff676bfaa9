"""The page of an evaluation of docking: tables, and what they do not tell as curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from molgen.docking.evaluation.results import Results, Row, load_results
from molgen.report.docking.tables import remarks, tables
from molgen.report.frame import fill
from molgen.report.numbers import facts
from molgen.report.plots import curves_svg
from molgen.results import Curve


def page(folder: Path) -> str:
    """The page of the results in a run folder.

    Raises:
        UsageError: The folder holds no results, or they cannot be read.
    """
    return render(load_results(folder))


def render(results: Results) -> str:
    """The page as text: no link leads out of it."""
    count = results.rows[0].found["complexes"] if results.rows else 0
    return fill(
        "docking.html",
        title="Docking",
        subtitle=f"{count} complexes of {Path(results.provenance['complexes']).name}",
        tables=tables(results),
        curves=[
            curves_svg(name, curves, x, y)
            for name, (curves, x, y) in {
                "poses": (by_poses(results.rows), "best poses", "complexes with a right one"),
                "shifts": (by_shift(results.rows), "centre moved by (Å)", "top-1 right"),
                "reliability": (reliability(results.rows), "confidence", "poses that are right"),
            }.items()
            if curves
        ],
        remarks=remarks(results),
        facts=facts(results.provenance),
    )


def by_poses(rows: Sequence[Row]) -> list[Curve]:
    """The share of complexes with a right pose among the first k."""
    return [
        Curve(row.name, [float(k) for k in range(1, len(shares) + 1)], list(shares))
        for row in rows
        if row.shift_angstrom == 0 and len(shares := row.found["best_of"]) > 1
    ]


def by_shift(rows: Sequence[Row]) -> list[Curve]:
    """The share of right first poses against the shift of the pocket's centre."""
    curves = []
    for program in dict.fromkeys(row.program for row in rows):
        own = sorted(
            (row for row in rows if row.program == program), key=lambda row: row.shift_angstrom
        )
        if len(own) > 1:
            shares = [row.found["top1"] for row in own]
            ends = ([one[end] for one in shares] for end in ("value", "low", "high"))
            curves.append(Curve(program, [row.shift_angstrom for row in own], *ends))
    return curves


def reliability(rows: Sequence[Row]) -> list[Curve]:
    """The share of right poses against what a program believes of them, beside the truth."""
    curves = []
    for row in rows:
        if row.found["calibration"] is not None:
            diagram = row.found["calibration"]["diagram"]
            x, y = ([one[key] for one in diagram] for key in ("confidence", "right"))
            curves.append(Curve(row.name, x, y))
    return [*curves, Curve("as it should be", [0.0, 1.0], [0.0, 1.0])] if curves else []
