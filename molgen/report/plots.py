"""Line plots of a report: profiles, histograms of bonds and angles, curves, and table strips."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from molgen.md.evaluation.metrics import Plane
from molgen.md.evaluation.results import SOURCES, Curve
from molgen.report.maps import shown
from molgen.report.style import COLOURS, LABELS, MUTED, RULE, SERIES, figure, symbol, to_svg

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
    centres = 0.5 * (edges[1:] + edges[:-1])
    with figure(2.5, 1.75) as fig:
        axes = fig.add_subplot()
        axes.set_title(title, fontsize=8.5)
        for source in (s for s in SOURCES if s in values):
            density = np.histogram(values[source], bins=edges)[0] / len(values[source])
            if source == "reference":
                axes.fill_between(centres, density, color=COLOURS[source], alpha=0.22, lw=0)
            else:
                dash = (0, (4, 2)) if source == "simulation" else "-"
                axes.plot(centres, density, color=COLOURS[source], lw=1.2, ls=dash)
        axes.set_yticks([])
        axes.set_ylim(bottom=0)
        axes.set_xlim(edges[0], edges[-1])
        axes.locator_params(axis="x", nbins=4)
        axes.set_xlabel(unit, fontsize=8)
        axes.spines[["top", "right", "left"]].set_visible(False)
        return to_svg(fig, name)


def curves_svg(
    name: str,
    curves: Sequence[Curve],
    x_label: str,
    y_label: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    title: str = "",
) -> str:
    """Curves with their bands and a legend; one called a floor is drawn as a dashed rule."""
    with figure(4.4, 2.75) as fig:
        axes = fig.add_subplot()
        for curve, colour in zip(curves, SERIES * 3, strict=False):
            if "floor" in curve.name:
                axes.plot(curve.x, curve.y, color=MUTED, lw=1, ls=(0, (3, 2)), label=curve.name)
                continue
            marker = "o" if len(curve.x) <= 12 else ""
            axes.plot(curve.x, curve.y, color=colour, label=curve.name, marker=marker, ms=3.5)
            if curve.low is not None and curve.high is not None:
                axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.16, lw=0)
        if log_x:
            axes.set_xscale("log")
            _plain_ticks(axes.xaxis, [x for curve in curves for x in curve.x])
        if log_y:
            axes.set_yscale("log")
            _plain_ticks(axes.yaxis, [y for curve in curves for y in curve.y])
        if title:
            axes.set_title(title)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.grid(axis="y", color=RULE, lw=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        if len(curves) > 1:
            axes.legend()
        return to_svg(fig, name)


def _plain_ticks(axis: Axis, values: Sequence[float]) -> None:
    """Ticks of a log axis as plain numbers: at 1, 2, 5 within two decades, else at each decade."""
    positive = [value for value in values if value > 0]
    decades = np.log10(max(positive) / min(positive)) if positive else 0.0
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 2 else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def strip_svg(measured: Mapping[str, Any], colour: str) -> str:
    """A table's small picture of one metric: the floor's band (+-2 sd) and the value as a dot."""
    value, floor = measured["value"], measured["floor"] + measured["excess"]
    spread = 2 * measured["null_sd"]
    right = 1.25 * max(value, floor + spread, 1e-30)

    def place(x: float) -> float:
        return round(150 * min(max(x / right, 0.0), 1.0), 1)

    left, width = place(floor - spread), place(floor + spread) - place(floor - spread)
    return (
        '<svg class="strip" viewBox="-4 0 158 18" role="img" '
        f'aria-label="value {value:.4g}, noise floor {floor:.4g}">'
        f'<line x1="0" y1="9" x2="150" y2="9" stroke="{RULE}"/>'
        f'<rect x="{left}" y="3" width="{max(width, 1.5)}" height="12" rx="2" fill="#c9d0da"/>'
        f'<circle cx="{place(value)}" cy="9" r="4" fill="{colour}"/></svg>'
    )
