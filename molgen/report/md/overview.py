"""The picture at the top of the README: reference, samples, simulation, and what differs."""

from pathlib import Path

import numpy as np

from molgen.errors import UsageError
from molgen.files import written_whole
from molgen.md.evaluation.results import SOURCES, Results
from molgen.report.md import maps
from molgen.report.md.look import LABELS
from molgen.report.md.page import map_counts, top_energy
from molgen.report.style import figure


def write_overview(results: Results, path: str | Path, *, dots_per_inch: int = 200) -> Path:
    """Write a PNG (or .svg, .pdf) of the free-energy maps in a row; returns its path.

    The last panel is F_simulation - F_samples: the gap between the model's two uses; with other
    sources, the difference of the last two there are.

    Raises:
        UsageError: The results have no two coordinates to draw, or fewer than two sources.
        MolgenError: The file cannot be written.
    """
    path = Path(path)
    counts = map_counts(results, maps.map_bins) if len(results.plane.names) > 1 else {}
    shown = [source for source in SOURCES if source in counts]
    if len(shown) < 2:
        raise UsageError(f"{path}: the picture needs two coordinates and at least two sources")
    coarse, top = map_counts(results, maps.difference_bins), top_energy(counts)
    last, other = shown[-1], shown[-2]
    with figure(2.6 * (len(shown) + 1) + 1.2, 3.05) as fig:
        fig.set_facecolor("white")
        panels = fig.subplots(1, len(shown) + 1)
        for k, (axes, source) in enumerate(zip(panels, shown, strict=False)):
            axes.set_title(LABELS[source])
            image = maps.draw_free_energy(
                axes, counts[source], results.plane, top, results.boxes if k == 0 else {}
            )
            if k > 0:
                axes.set_ylabel("")
                axes.set_yticklabels([])
        bar = panels[-2].inset_axes((1.04, 0, 0.045, 1))
        fig.colorbar(image, cax=bar, label="free energy (kT)")
        panels[-1].set_title(f"{LABELS[last]} − {LABELS[other].lower()}")
        gap = maps.difference(coarse[last], coarse[other])
        image = maps.draw_difference(panels[-1], gap, results.plane, 1.0)
        panels[-1].set_ylabel("")
        panels[-1].set_yticklabels([])
        ticks = np.array([-1, -0.5, 0, 0.5, 1])
        bar = panels[-1].inset_axes((1.04, 0, 0.045, 1))
        fig.colorbar(image, cax=bar, label="ΔF (kT)", ticks=ticks)
        if results.plane.periodic:  # the labels of neighbours would touch
            for axes in panels:
                axes.set_xticks([-90, 0, 90], ["−90", "0", "90"])
        with written_whole(path) as temporary:
            fig.savefig(temporary, format=path.suffix.lstrip(".") or "png", dpi=dots_per_inch)
    return path
