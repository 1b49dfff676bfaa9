"""Free-energy maps of two coordinates: Ramachandran plots, density maps, and their differences."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from scipy.ndimage import gaussian_filter

from molgen.md.evaluation.metrics import Plane, bin_inside, count
from molgen.report.md.look import DIFFERENCE, ENERGY, UNSEEN, symbol
from molgen.report.style import INK, figure, to_svg

FEW = 20
"""Frames in a bin below which a difference is noise (0.3 kT) and is not drawn."""

Boxes = Mapping[str, Mapping[str, tuple[float, float]]]

_GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "left": "L", "right": "R"}


def map_bins(frames: int) -> int:
    """Bins an axis: finer maps for more frames, so that noise does not hide the shape."""
    return int(np.clip(round((frames / 6) ** 0.5 / 2), 36, 90))


def counts_of(points: np.ndarray, plane: Plane, bins: int) -> np.ndarray:
    """Frames in each bin [bins, bins] of the plane's first two coordinates."""
    index = bin_inside(points[:, :2], plane.limits[:2], bins)
    return count(index, bins * bins).reshape(bins, bins)


def free_energy(counts: np.ndarray) -> np.ndarray:
    """-ln p of counts [bins, bins] in kT above the fullest bin; nan where there are none."""
    with np.errstate(divide="ignore"):
        energy = -np.log(counts / counts.max())
    return np.where(counts > 0, energy, np.nan)


def difference_bins(frames: int) -> int:
    """Bins an axis of a difference map: half as many, so that a bin's noise stays small."""
    return map_bins(frames) // 2


def difference(counts: np.ndarray, other: np.ndarray) -> np.ndarray:
    """F - F_other in kT of two maps, both of probabilities; nan where either has few frames."""
    enough = (counts >= FEW) & (other >= FEW)
    p, q = np.where(enough, counts, 1) / counts.sum(), np.where(enough, other, 1) / other.sum()
    return np.where(enough, -np.log(p / q), np.nan)


def draw_free_energy(
    axes: Axes, counts: np.ndarray, plane: Plane, top_kT: float, boxes: Boxes
) -> AxesImage:
    """A map of -ln p with contour lines every 2 kT (of a lightly smoothed density)."""
    image = _show(axes, free_energy(counts), plane, ENERGY, 0.0, top_kT)
    mode = "wrap" if plane.periodic else "constant"
    smooth = gaussian_filter(counts.astype(float), 1.0, mode=mode)
    levels = -np.log(np.maximum(smooth, 1e-9) / smooth.max())
    x, y = (_centres(plane, k, len(counts)) for k in (0, 1))
    axes.contour(
        x, y, levels.T, levels=np.arange(2, top_kT, 2), colors="white", linewidths=0.5, alpha=0.65
    )
    _draw_boxes(axes, plane, boxes)
    return image


def draw_difference(axes: Axes, values: np.ndarray, plane: Plane, top_kT: float) -> AxesImage:
    """A map of differences in kT, the same colours below and above zero."""
    return _show(axes, values, plane, DIFFERENCE, -top_kT, top_kT)


def map_svg(
    name: str, title: str, counts: np.ndarray, plane: Plane, top_kT: float, boxes: Boxes
) -> str:
    """The free-energy map of one source."""
    with figure(3.35, 3.3) as fig:
        axes = fig.add_subplot()
        axes.set_title(title)
        draw_free_energy(axes, counts, plane, top_kT, boxes)
        return to_svg(fig, name)


def difference_svg(name: str, title: str, values: np.ndarray, plane: Plane, top_kT: float) -> str:
    """The difference map of two sources."""
    with figure(3.35, 3.3) as fig:
        axes = fig.add_subplot()
        axes.set_title(title)
        draw_difference(axes, values, plane, top_kT)
        return to_svg(fig, name)


def colour_bar_svg(name: str, label: str, low: float, high: float) -> str:
    """The legend of a row of maps."""
    with figure(3.6, 0.6) as fig:
        axes = fig.add_subplot()
        cmap = DIFFERENCE if low < 0 else ENERGY
        axes.imshow(
            np.linspace(0, 1, 256)[None], cmap=cmap, aspect="auto", extent=(low, high, 0, 1)
        )
        axes.set_yticks([])
        axes.set_xlabel(label)
        return to_svg(fig, name)


def label_axes(axes: Axes, plane: Plane) -> None:
    """Names, ranges and ticks; dihedrals in degrees."""
    for k, axis in enumerate((axes.xaxis, axes.yaxis)):
        unit = " (°)" if plane.periodic else f" ({plane.unit})" if plane.unit else ""
        axis.set_label_text(symbol(plane.names[k]) + unit)
        if plane.periodic:
            axis.set_ticks([-180, -90, 0, 90, 180], ["−180", "−90", "0", "90", "180"])


def shown(plane: Plane, values: np.ndarray | float) -> np.ndarray:
    """Coordinates as axes show them: degrees for dihedrals."""
    return np.degrees(values) if plane.periodic else np.asarray(values)


def _show(
    axes: Axes, values: np.ndarray, plane: Plane, cmap: object, low: float, high: float
) -> AxesImage:
    (x0, x1), (y0, y1) = (shown(plane, np.array(box)) for box in plane.limits[:2])
    axes.set_facecolor(UNSEEN)
    image = axes.imshow(
        values.T,
        origin="lower",
        extent=(x0, x1, y0, y1),
        cmap=cmap,  # type: ignore[arg-type]
        vmin=low,
        vmax=high,
        aspect="auto",
        interpolation="nearest",
    )
    axes.set_box_aspect(1)
    label_axes(axes, plane)
    return image


def _centres(plane: Plane, axis: int, bins: int) -> np.ndarray:
    edges = shown(plane, np.linspace(*plane.limits[axis], bins + 1))
    return 0.5 * (edges[1:] + edges[:-1])


def _draw_boxes(axes: Axes, plane: Plane, boxes: Boxes) -> None:
    """Basin borders as dotted lines, each basin's name in a corner of its box."""
    for name, box in boxes.items():
        spans = []
        for k, (axis_low, axis_high) in enumerate(plane.limits[:2]):
            low, high = box.get(plane.names[k], (-np.inf, np.inf))
            if low <= high:
                spans.append([(max(low, axis_low), min(high, axis_high))])
            else:  # through the periodic border: two pieces, the wider one first
                pieces = [(axis_low, high), (low, axis_high)]
                spans.append(sorted(pieces, key=lambda piece: piece[0] - piece[1]))
        for x0, x1 in spans[0]:
            for y0, y1 in spans[1]:
                xs, ys = shown(plane, np.array([x0, x1])), shown(plane, np.array([y0, y1]))
                for side in ([xs[[0, 1]], ys[[1, 1]]], [xs[[1, 1]], ys[[0, 1]]]):
                    axes.plot(*side, color=INK, lw=0.6, ls=(0, (1, 2.5)), alpha=0.8, clip_on=True)
        (x0, _), (_, y1) = spans[0][0], spans[1][0]
        axes.annotate(
            basin_symbol(name),
            (float(shown(plane, x0)), float(shown(plane, y1))),
            xytext=(4, -4),
            textcoords="offset points",
            ha="left",
            va="top",
            fontsize=8,
            color=INK,
            bbox={"boxstyle": "round,pad=0.18", "facecolor": "white", "alpha": 0.8, "lw": 0},
        )
    (x0, x1), (y0, y1) = (shown(plane, np.array(limits)) for limits in plane.limits[:2])
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)


def basin_symbol(name: str) -> str:
    """A basin's name as it is printed: alpha_R -> αR."""
    return "".join(_GREEK.get(part, part) for part in name.split("_"))
