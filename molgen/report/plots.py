"""Plots that pages of every pillar have: curves, histograms, and the strips of tables."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from molgen.report.style import MUTED, RULE, SERIES, figure, to_svg
from molgen.results import Curve


@dataclass(frozen=True)
class Series:
    """Values of one source in a histogram.

    Attributes:
        values: [n].
        colour: of the line or area.
        filled: an area instead of a line.
        dashed: a dashed line.
    """

    values: np.ndarray
    colour: str
    filled: bool = False
    dashed: bool = False


def densities_svg(
    name: str,
    title: str,
    series: Sequence[Series],
    unit: str,
    edges: np.ndarray,
    *,
    steps: bool = False,
) -> str:
    """Shares of values in each bin, source by source; steps for whole numbers, else smooth."""
    style = "steps-mid" if steps else "default"
    centres = 0.5 * (edges[1:] + edges[:-1])
    with figure(2.5, 1.75) as fig:
        axes = fig.add_subplot()
        axes.set_title(title, fontsize=8.5)
        for one in series:
            density = np.histogram(one.values, bins=edges)[0] / max(len(one.values), 1)
            if one.filled:
                axes.fill_between(
                    centres,
                    density,
                    color=one.colour,
                    alpha=0.22,
                    lw=0,
                    step="mid" if steps else None,
                )
            else:
                dash = (0, (4, 2)) if one.dashed else "-"
                axes.plot(centres, density, color=one.colour, lw=1.2, ls=dash, drawstyle=style)
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
    points: Collection[str] = (),
    rules: Collection[str] = (),
) -> str:
    """Curves with their bands and a legend.

    Those named in `points` are dots; those in `rules`, or called a floor, dashed rules.
    """
    with figure(4.4, 2.75) as fig:
        axes = fig.add_subplot()
        for curve, colour in zip(curves, SERIES * 3, strict=False):
            if curve.name in points:
                axes.plot(curve.x, curve.y, color=colour, label=curve.name, ls="", marker="o", ms=3)
                continue
            if curve.name in rules or "floor" in curve.name:
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


def strip_svg(value: float, floor: float, spread: float, colour: str, top: float = 0.0) -> str:
    """A table's small picture of one number: the floor's band and the value as a dot.

    Args:
        value: the number.
        floor: what perfect samples score.
        spread: half the width of its band.
        colour: of the dot.
        top: right end; just beyond value and band if they reach further, or it is 0.
    """
    right = max(top, 1e-30, *(() if top else (1.25 * value, 1.25 * (floor + spread))))

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
