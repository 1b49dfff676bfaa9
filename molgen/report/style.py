"""How plots look: colours that colour-blind readers can tell apart, type that follows the page."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

INK, MUTED, RULE = "#1b2430", "#5b6675", "#d5dae1"
UNSEEN = "#eef0f3"
"""Bins that no frame visited."""

COLOURS = {"reference": "#3a4454", "iid": "#0072b2", "simulation": "#d55e00"}
"""Source -> colour (Okabe & Ito 2008)."""
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#3a4454")

LABELS = {"reference": "Reference", "iid": "Samples", "simulation": "Simulation"}
SYMBOLS = {"phi": "φ", "psi": "ψ", "omega": "ω", "chi1": "χ₁"}

ENERGY = LinearSegmentedColormap.from_list(
    "energy",
    ["#08142e", "#0c3a66", "#11648c", "#2c909c", "#74bda0", "#bfe0b8", "#eef7dd"],
)
"""Free energy: deep where frames are many, pale where few; lightness rises monotonically."""

DIFFERENCE = LinearSegmentedColormap.from_list(
    "difference",
    ["#0b3c7d", "#2f7fc1", "#9cc9e8", "#fbfaf7", "#f6bd8a", "#d9691f", "#8a2f06"],
)
"""Differences: blue below, orange above, white at none."""

_RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib; pages put their own over it
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 7,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.5,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
}


@contextmanager
def figure(width: float, height: float) -> Iterator[Figure]:
    """An empty figure, width x height in inches, in the report's style; no global state is left."""
    with mpl.rc_context(_RC):
        canvas = FigureCanvasAgg(Figure(figsize=(width, height), layout="constrained"))
        canvas.figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)
        yield canvas.figure


def to_svg(fig: Figure, name: str) -> str:
    """The figure as an <svg> element for a page; ids carry `name`, so that figures do not clash."""
    text = StringIO()
    with mpl.rc_context({**_RC, "svg.hashsalt": name}):
        fig.savefig(text, format="svg", dpi=200, metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def symbol(name: str) -> str:
    """A coordinate's name as it is printed: phi -> φ."""
    return SYMBOLS.get(name, name)
