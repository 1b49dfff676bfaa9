"""Evaluations of graphs as tables of text: every number of one, or the headlines of several."""

from collections.abc import Callable, Sequence

from rich.table import Table

from molgen.graphs.evaluation.judge import Entry
from molgen.graphs.evaluation.results import Results
from molgen.graphs.metrics.metric import Measured
from molgen.report.console import by_recipe, minutes, over_seeds, table_of
from molgen.report.graphs.values import floor_text, interval_text, title_of, value_text
from molgen.report.numbers import number

MOLECULES = ("valid_and_connected", "uncorrected", "unique", "novel", "fcd", "nspdk")
PLAIN = ("valid", "unique", "novel", "vun", "emd_mean", "tv_mean", "emd_spectral")
COLUMNS = {"molecules": MOLECULES, "plain": PLAIN}
"""Numbers that `runs_table` shows."""

HEADS = {
    "valid_and_connected": "valid, connected",
    "uncorrected": "valences fit",
    "emd_mean": "mean MMD² (emd)",
    "tv_mean": "mean MMD² (tv)",
    "emd_spectral": "spectral MMD² (emd)",
    "vun": "V.U.N.",
    "fcd": "FCD",
    "nspdk": "NSPDK",
}


def evaluation_table(results: Results) -> Table:
    """One evaluation: every number with its 95 % interval, beside what real graphs score."""
    table = table_of(("", "value", "95 % interval", "real graphs", "n"))
    for line in results.lines:
        measured = line.measured
        table.add_row(
            title_of(line.entry),
            value_text(line.entry, measured),
            interval_text(line.entry, measured),
            floor_text(line.entry, measured),
            f"{measured.n:,}",
        )
    return table


def runs_table(runs: Sequence[Results]) -> Table:
    """Several runs, a row a recipe or file (mean ± deviation over seeds), then the floors.

    Runs of molecules and of plain graphs share no numbers; those of the first run are shown.
    """
    names = COLUMNS[runs[0].kind]
    table = table_of(
        (
            "recipe",
            "training (min)",
            "evaluations",
            "ms each",
            *(HEADS.get(name, name) for name in names),
        )
    )
    entries = {line.name: line.entry for line in runs[0].lines}
    alike = [results for results in runs if results.kind == runs[0].kind]
    for label, members in by_recipe(alike).items():
        cells = [
            over_seeds(members, _number(name, entries[name]), 2 if entries[name].percent else 5)
            for name in names
        ]
        table.add_row(
            label,
            over_seeds(members, minutes, 0),
            over_seeds(members, _fact("evaluations each"), 0),
            over_seeds(members, _fact("seconds each", 1000.0), 2),
            *cells,
        )
    floors = [runs[0][name].floor for name in names]
    table.add_row(
        "real graphs",
        "",
        "",
        "",
        *(
            ""
            if floor is None
            else number(floor.mean * _factor(entries[name]), 2 if entries[name].percent else 5)
            for name, floor in zip(names, floors, strict=True)
        ),
    )
    return table


def _factor(entry: Entry) -> float:
    return 100.0 if entry.percent else 1.0


def _number(name: str, entry: Entry) -> Callable[[Results], float | None]:
    def value(results: Results) -> float | None:
        found: Measured = results[name]
        return found.value * _factor(entry)

    return value


def _fact(name: str, factor: float = 1.0) -> Callable[[Results], float | None]:
    def value(results: Results) -> float | None:
        found = results.provenance["samples"].get(name)
        return None if found is None else float(found) * factor

    return value
