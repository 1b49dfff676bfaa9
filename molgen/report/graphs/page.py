"""The page of an evaluation of graphs: pictures, histograms, every number, quality and effort."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from molgen.graphs.evaluation.assess import Line
from molgen.graphs.evaluation.results import Results, load_results
from molgen.report.frame import fill
from molgen.report.graphs.kinds import KINDS, CurveLook, Kind, Quantity
from molgen.report.graphs.values import floor_text, interval_text, reading, value_text
from molgen.report.numbers import facts
from molgen.report.plots import Series, curves_svg, densities_svg, strip_svg
from molgen.results import Curve

SOURCES = {"test": "Test data", "train": "Training data", "samples": "Drawn"}
"""As histograms show them, one over the other."""

COLOURS = {"test": "#3a4454", "train": "#009e73", "samples": "#0072b2"}

BINS = (16, 60)
"""Of a histogram: fewest, for few drawn graphs, and most."""


def page(folder: Path) -> str:
    """The page of the results in a run folder.

    Raises:
        UsageError: The folder holds no results, or they cannot be read.
    """
    return render(load_results(folder))


def render(results: Results) -> str:
    """The page as text: no link leads out of it."""
    kind = KINDS[results.kind]
    return fill(
        kind.template,
        title=results.title,
        subtitle=results.subtitle,
        noun=kind.noun,
        cards=_cards(results, kind),
        remarks=results.remarks,
        examples=[(kind.example(text), text) for text in results.examples],
        rejected=[(kind.rejected(one.smiles), one) for one in results.rejected],
        rejected_count=results.refused,
        drawn=f"{results.drawn:,}",
        sources=[{"kind": key, "name": name} for key, name in SOURCES.items()],
        histograms=[_histogram(results, name, look) for name, look in kind.quantities.items()],
        groups=_groups(results),
        curves=[
            _effort(name, results.evaluations[name], look, kind)
            for name, look in kind.curves.items()
            if name in results.evaluations
        ],
        training=results.training
        and curves_svg("training", results.training, "step", "loss", log_y=True, title="Training"),
        facts=facts(results.provenance),
    )


def _cards(results: Results, kind: Kind) -> list[dict[str, str]]:
    lines = {line.name: line for line in results.lines}
    found = [_card(lines[name], title) for name, title in kind.cards.items()]
    samples = results.provenance.get("samples", {})
    if "seconds each" in samples:
        seconds = samples["seconds each"]
        found.append(
            {
                "kind": "both",
                "title": f"Time a {kind.noun}",
                "value": f"{seconds:.2f}" if seconds >= 1 else f"{1000 * seconds:.3g}",
                "small": "s" if seconds >= 1 else "ms",
                "note": f"{samples['evaluations each']} network evaluations, {samples['solver']}",
            }
        )
    return found


def _card(line: Line, title: str) -> dict[str, str]:
    measured, entry = line.measured, line.entry
    text = value_text(entry, measured)
    return {
        "kind": "iid",
        "title": title,
        "value": text.removesuffix(" %"),
        "small": "%" if entry.percent else "",
        "note": f"{interval_text(entry, measured)} (95 %); real: {floor_text(entry, measured)}",
    }


def _groups(results: Results) -> list[dict[str, Any]]:
    """Rows of the table under their groups."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for line in results.lines:
        entry, measured = line.entry, line.measured
        says, mood = reading(entry, measured)
        floor = measured.floor
        groups.setdefault(entry.group, []).append(
            {
                "name": entry.title,
                "n": f"{measured.n:,}",
                "value": value_text(entry, measured),
                "interval": interval_text(entry, measured),
                "floor": floor_text(entry, measured),
                "floor_n": f"{floor.n:,}" if floor else "",
                "strip": strip_svg(
                    measured.value,
                    floor.mean if floor else 0.0,
                    2 * floor.sd if floor else 0.0,
                    COLOURS["samples"],
                    top=1.0 if entry.more_is_better else 0.0,
                ),
                "reading": says,
                "mood": mood,
            }
        )
    return [{"title": title, "rows": rows} for title, rows in groups.items()]


def _histogram(results: Results, name: str, look: Quantity) -> str:
    series = [
        Series(
            results.distributions[source][name],
            COLOURS[source],
            filled=source == "test",
            dashed=source == "train",
        )
        for source in SOURCES
    ]
    values = [one.values for one in series if len(one.values)]
    if look.whole:
        low, high = min(v.min() for v in values), max(v.max() for v in values)
        edges = np.arange(low - 0.5, high + 1.0)
    else:
        ends = np.concatenate([np.quantile(v, [1e-3, 1 - 1e-3]) for v in values])
        low, high = ends.min(), max(ends.max(), ends.min() + 1e-6)
        bins = int(np.clip(2 * len(series[-1].values) ** 0.5, *BINS))
        edges = np.linspace(low, high, bins + 1)
    return densities_svg(
        f"histogram-{name}", look.title, series, look.unit, edges, steps=look.whole
    )


def _effort(name: str, curves: tuple[Curve, ...], look: CurveLook, kind: Kind) -> str:
    scaled = [
        replace(
            curve,
            y=_times(curve.y, look.factor),
            low=curve.low and _times(curve.low, look.factor),
            high=curve.high and _times(curve.high, look.factor),
        )
        for curve in curves
        if curve.x
    ]
    return curves_svg(
        f"evaluations-{name}",
        scaled,
        f"network evaluations a {kind.noun}",
        look.unit,
        log_x=True,
        log_y=look.log,
        title=look.title,
    )


def _times(values: list[float], factor: float) -> list[float]:
    return [factor * value for value in values]
