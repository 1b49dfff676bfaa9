"""How plots look: colours that colour-blind readers can tell apart, type that follows the page."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, MUTED, RULE = "#1b2430", "#5b6675", "#d5dae1"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#3a4454")
"""Colours of lines, in turn (Okabe & Ito 2008)."""

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
