"""Results as tables of text: one evaluation, or several runs side by side (valid Markdown)."""

from collections.abc import Callable, Mapping, Sequence
from statistics import mean
from typing import Any

from rich.table import Table

from molgen.md.evaluation.results import Results
from molgen.report.console import by_recipe, minutes, over_seeds, table_of
from molgen.report.md.tables import best_published
from molgen.report.numbers import decimals, number, plus_minus

COLUMNS = ("samples", "simulation", "noise floor", "published best")
KINDS = ("iid", "simulation")
TITLES = {"js": "JS divergence (nats)", "pmf": "PMF error ((kT)²)"}


def evaluation_table(results: Results) -> Table:
    """One evaluation: every metric of samples and simulation, the floor, and the best published."""
    table = table_of(("", *COLUMNS))
    first = next(iter(results.comparisons.values()), None)
    for key, title in TITLES.items() if first else ():
        small = {kind: published_size(results, kind)[key] for kind in KINDS}
        places = _places(small["simulation"])
        table.add_row(
            f"{title}, {small['simulation']['n']:,} frames",
            *(number(small[kind]["value"], places) for kind in KINDS),
            plus_minus(small["iid"]["floor"], small["iid"]["floor_sd"]),
            _best(results, key),
        )
    for key, title in TITLES.items() if first else ():
        every = {kind: results.comparisons[kind]["metrics"][key] for kind in KINDS}
        n, m = every["simulation"]["n"], every["simulation"]["reference_n"]
        table.add_row(
            f"{title} above the floor, {n:,} : {m:,}",
            *(plus_minus(every[kind]["debiased"], every[kind]["sd"]) for kind in KINDS),
            plus_minus(0.0, every["simulation"]["null_sd"]),
            "",
        )
    if results.baseline:
        pmf = results.baseline["pmf"]
        table.add_row(
            "the same of the training frames, PMF", plus_minus(pmf["debiased"], pmf["sd"])
        )
    for kind, factor, unit in (("distances", 1000.0, "pm"), ("angles", 57.29577951, "°")):
        if first and first.get(kind):
            w1 = {k: [c["w1"] for c in results.comparisons[k][kind].values()] for k in KINDS}
            floor = mean(w["floor"] for w in w1["iid"]) * factor
            table.add_row(
                f"{kind.replace('distances', 'bonds')}, mean W1 ({unit})",
                *(number(mean(w["value"] for w in w1[k]) * factor, 3) for k in KINDS),
                number(floor, 3),
            )
    if results.certificate:
        gap = results.certificate["pmf"]
        table.add_row(
            "PMF between samples and simulation, above the floor",
            "",
            plus_minus(gap["debiased"], gap["sd"]),
            plus_minus(0.0, gap["null_sd"]),
        )
    return table


def runs_table(runs: Sequence[Results]) -> Table:
    """Several runs, a row a recipe (mean ± deviation over its seeds), then floor and quotes.

    JS and PMF are the published definitions at the published size; "above floor" is the PMF error
    at all frames less its floor; the gap is that of the certificate.
    """
    table = table_of(
        (
            "recipe",
            "training (min)",
            *(f"{kind} {what}" for kind in COLUMNS[:2] for what in ("JS", "PMF", "above floor")),
            "gap",
        )
    )
    for label, members in by_recipe(runs).items():
        cells = []
        for kind in KINDS:
            cells += [over_seeds(members, _small(kind, key), 4) for key in TITLES]
            cells.append(over_seeds(members, _above(kind), 4))
        table.add_row(
            label,
            over_seeds(members, minutes, 0),
            *cells,
            over_seeds(members, lambda r: (r.certificate or {}).get("pmf", {}).get("debiased"), 4),
        )
    compared = [results for results in runs if results.comparisons]
    if compared:
        floors = {key: published_size(compared[0], "iid")[key]["floor"] for key in TITLES}
        cells = [*(number(floors[key], 4) for key in TITLES), number(0.0, 4)]
        table.add_row("noise floor", "", *cells, *cells)
    quoted = {label: by for results in runs for label, by in results.published.items()}
    for label, by_kind in quoted.items():
        cells = []
        for kind in KINDS:
            values = by_kind.get(kind, {})
            cells += [number(values[key], 4) if key in values else "" for key in TITLES] + [""]
        table.add_row(f"{label} (quoted)", "", *cells)
    return table


def published_size(results: Results, kind: str) -> Mapping[str, Mapping[str, Any]]:
    """Metrics of one source at the number of frames of published ones (all, if there are fewer)."""
    comparison = results.comparisons[kind]
    found: Mapping[str, Mapping[str, Any]] = comparison.get("published_size", comparison["metrics"])
    return found


def _best(results: Results, key: str) -> str:
    """The smallest quoted value of samples and of simulation, `samples / simulation`."""
    best = [best_published(results, kind, key) for kind in KINDS]
    if all(label is None for label, _ in best):
        return ""
    return " / ".join("-" if label is None else number(value, 4) for label, value in best)


def _places(measured: Mapping[str, Any]) -> int:
    return min(max(decimals(measured["floor_sd"]), 3), 6)


def _small(kind: str, key: str) -> Callable[[Results], float | None]:
    def value(results: Results) -> float | None:
        return published_size(results, kind)[key]["value"] if results.comparisons else None

    return value


def _above(kind: str) -> Callable[[Results], float | None]:
    def value(results: Results) -> float | None:
        if not results.comparisons:
            return None
        return float(results.comparisons[kind]["metrics"]["pmf"]["debiased"])

    return value
