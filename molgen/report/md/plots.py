"""Plots of conformers: free-energy profiles, histograms of bonds and angles."""

from collections.abc import Mapping

import numpy as np

from molgen.md.evaluation.metrics import Plane
from molgen.md.evaluation.results import SOURCES
from molgen.report.md.look import COLOURS, LABELS, symbol
from molgen.report.md.maps import shown
from molgen.report.plots import Series, densities_svg
from molgen.report.style import figure, to_svg

HISTOGRAM_BINS = 80


def profile_svg(
    name: str, coordinate: str, profiles: Mapping[str, Mapping[str, list[float]]], plane: Plane
) -> str:
    """Free energy along one coordinate of every source, each with its confidence band."""
    axis = plane.names.index(coordinate)
    top = 1.0
    with figure(4.4, 2.75) as fig:
        axes = fig.add_subplot()
        for source, content in profiles.items():
            x = shown(plane, np.array(content["centres"]))
            # None of JSON becomes nan, which leaves a gap in the line
            y, low, high = (
                np.array(content[key], dtype=float) for key in ("free_energy", "low", "high")
            )
            colour = COLOURS[source]
            top = max(top, float(np.nanmax(y)) + 1.0)  # a band may reach far higher: cut it there
            axes.fill_between(x, low, high, color=colour, alpha=0.16, lw=0)
            dash = (0, (4, 2)) if source == "simulation" else "-"
            axes.plot(x, y, color=colour, label=LABELS[source], ls=dash)
        axes.set_xlim(*shown(plane, np.array(plane.limits[axis])))
        axes.set_ylim(0, top)
        unit = " (°)" if plane.periodic else f" ({plane.unit})" if plane.unit else ""
        axes.set_xlabel(symbol(coordinate) + unit)
        axes.set_ylabel("free energy (kT)")
        if plane.periodic:
            axes.set_xticks([-180, -90, 0, 90, 180], ["−180", "−90", "0", "90", "180"])
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
        return to_svg(fig, name)


def histogram_svg(name: str, title: str, values: Mapping[str, np.ndarray], unit: str) -> str:
    """Densities of one bond length or angle, the reference filled, the others as lines."""
    both = np.concatenate([np.quantile(v, [5e-4, 1 - 5e-4]) for v in values.values()])
    edges = np.linspace(both.min(), both.max(), HISTOGRAM_BINS + 1)
    series = [
        Series(values[s], COLOURS[s], filled=s == "reference", dashed=s == "simulation")
        for s in SOURCES
        if s in values
    ]
    return densities_svg(name, title, series, unit, edges)
