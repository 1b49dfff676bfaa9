"""Evaluations of graphs as tables of text: every number of one, or the headlines of several."""

from collections.abc import Callable, Sequence

from rich.table import Table

from molgen.graphs.evaluation.floors import rounded
from molgen.graphs.evaluation.judge import Entry
from molgen.graphs.evaluation.results import Results
from molgen.graphs.metrics.metric import Measured
from molgen.report.console import by_recipe, minutes, over_seeds, table_of
from molgen.report.graphs.values import floor_text, interval_text, value_text
from molgen.report.numbers import number

MOLECULES = ("valid_and_connected", "uncorrected", "unique", "novel", "fcd", "nspdk")
PLAIN = ("valid", "unique", "novel", "vun", "emd_mean", "tv_mean", "emd_spectral")
COLUMNS = {"molecules": MOLECULES, "plain": PLAIN}
"""Numbers that `runs_tables` show."""

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
    group = ""
    for line in results.lines:
        measured = line.measured
        if line.entry.group != group:
            group = line.entry.group
            table.add_row(f"{group}:")
        table.add_row(
            f"  {line.entry.title}",
            value_text(line.entry, measured),
            interval_text(line.entry, measured),
            floor_text(line.entry, measured),
            f"{measured.n:,}",
        )
    return table


def runs_tables(runs: Sequence[Results]) -> list[Table]:
    """Several runs: a table of molecules and one of plain graphs, as they share no numbers."""
    kinds = dict.fromkeys(results.kind for results in runs)
    return [_runs_table([results for results in runs if results.kind == kind]) for kind in kinds]


def _runs_table(runs: Sequence[Results]) -> Table:
    """A row a recipe or file (mean ± deviation over seeds), and below them what real graphs score.

    Runs of other data, or of another number of graphs, have other floors.
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
    groups: dict[tuple[str, int], list[Results]] = {}
    for results in runs:
        groups.setdefault(_compared(results), []).append(results)
    for (data, n), alike in groups.items():
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
        real = f"real graphs: {data}, n = {n:,}"
        table.add_row(real, "", "", "", *(_floors(alike, name, entries[name]) for name in names))
    return table


def _compared(results: Results) -> tuple[str, int]:
    """What a run's floors are of: the data, and about how many graphs."""
    return results.provenance["data"]["name"], rounded(results.drawn)


def _floors(runs: Sequence[Results], name: str, entry: Entry) -> str:
    """What real graphs score; from least to most where runs have kept different numbers of them."""
    found = [results[name].floor for results in runs]
    means = [floor.mean * _factor(entry) for floor in found if floor is not None]
    texts = [number(mean, 2 if entry.percent else 5) for mean in sorted(means)]
    return " – ".join(dict.fromkeys([*texts[:1], *texts[-1:]]))


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
