"""One model on many peptides: a table of text, and a page with the maps of each."""

from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from rich.table import Table

from molgen.errors import UsageError
from molgen.md.evaluation.options import published
from molgen.md.evaluation.results import Results, load_results
from molgen.md.peptides.evaluate import GAP, PeptideResults
from molgen.report.console import table_of
from molgen.report.frame import fill
from molgen.report.md.look import LABELS
from molgen.report.md.maps import counts_of, draw_free_energy, map_bins
from molgen.report.numbers import facts, number, plus_minus
from molgen.report.style import figure, to_svg

SOURCES = ("iid", "simulation")
COLUMNS = ("JS", "PMF", "above floor")
TOP_KT = 8.0


def peptides_table(results: PeptideResults) -> Table:
    """A row a peptide, the mean over them with its deviation, the floors, and the published."""
    table = table_of(("peptide", *_heads(), "gap", "effective"))
    for cells in rows_of(results):
        table.add_row(*cells)
    return table


def rows_of(results: PeptideResults) -> list[list[str]]:
    """The cells of the table, row by row."""
    rows = [[row["peptide"], *_numbers(row), *_own(row)] for row in results.rows]
    if len(results.rows) > 1:
        averaged = [
            over(results, of(source, key))
            for source in SOURCES
            for key in ("js", "pmf", "debiased")
        ]
        gap = over(results, lambda row: row["gap"]["debiased"])
        share = over(results, lambda row: row["trust"]["samples and forces"]["effective share"], 2)
        rows.append([f"mean of {len(results.rows)}", *averaged, gap, share])
    floors: list[str] = []
    for source in SOURCES:
        floors += [over(results, of(source, key)) for key in ("js floor", "pmf floor")]
        floors.append(number(0.0, 4))
    rows.append(["noise floor", *floors, "", ""])
    for label, quoted in published("dipeptides", "backbone").items():
        cells = [
            number(quoted[source][key], 4) if key in quoted.get(source, {}) else ""
            for source in SOURCES
            for key in ("js", "pmf", "none")
        ]
        rows.append([f"{label} (quoted)", *cells, "", ""])
    return rows


Value = Callable[[Mapping[str, Any]], float | None]
"""A number of a row, if it has that."""


def of(source: str, key: str) -> Value:
    """A number of the samples or of the simulation."""
    return lambda row: row[source][key] if source in row else None


def over(results: PeptideResults, value: Value, places: int = 4) -> str:
    """Mean ± standard deviation of a number over the peptides that have it."""
    found = [x for x in map(value, results.rows) if x is not None]
    if not found:
        return ""
    text = number(mean(found), places)
    return text if len(found) == 1 else f"{text} ± {number(stdev(found), places)}"


def page(folder: Path) -> str:
    """The page of an evaluation of many peptides.

    Raises:
        UsageError: The folder holds none, or one of its peptides cannot be read.
    """
    try:
        results = PeptideResults.load(folder)
        shown = [_section(row, load_results(folder / row["folder"])) for row in results.rows]
        return fill(
            "peptides.html",
            title=results.title,
            subtitle=f"{len(results.rows)} peptides",
            doubts=results.doubts,
            gap=GAP,
            heads=("peptide", *_heads(), "gap", "effective"),
            rows=rows_of(results),
            peptides=shown,
            facts=facts(results.provenance),
        )
    except (KeyError, TypeError) as error:
        raise UsageError(f"{folder}: results cannot be read: {error!r}") from error


def _section(row: Mapping[str, Any], results: Results) -> dict[str, Any]:
    seen = [kind for kind in ("reference", *SOURCES) if kind in results.ensembles]
    with figure(2.2 * len(seen), 2.3) as fig:
        panels = fig.subplots(1, len(seen), squeeze=False)[0]
        for axes, kind in zip(panels, seen, strict=True):
            points = results.ensembles[kind].points
            counts = counts_of(points, results.plane, map_bins(len(points)))
            draw_free_energy(axes, counts, results.plane, TOP_KT, {})
            axes.set_title(LABELS[kind])
        maps = to_svg(fig, f"maps-{row['folder']}")
    return {
        "name": row["peptide"],
        "maps": maps,
        "verdict": row["verdict"],
        "certificate": (results.certificate or {}).get("verdict", ""),
    }


def _heads() -> list[str]:
    return [f"{source} {what}" for source in SOURCES for what in COLUMNS]


def _numbers(row: Mapping[str, Any]) -> list[str]:
    cells = []
    for source in SOURCES:
        own = row.get(source)
        if own is None:
            cells += ["", "", ""]
        else:
            cells += [*(number(own[key], 4) for key in ("js", "pmf"))]
            cells.append(plus_minus(own["debiased"], own["sd"]))
    return cells


def _own(row: Mapping[str, Any]) -> list[str]:
    share = row["trust"]["samples and forces"]["effective share"]
    return [plus_minus(row["gap"]["debiased"], row["gap"]["sd"]), number(share, 2)]
