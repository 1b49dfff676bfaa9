"""The page of an evaluation of molecular dynamics: maps, profiles, tables, conformers."""

import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from molgen.md.evaluation.certificate import SIGNIFICANT
from molgen.md.evaluation.results import SOURCES, Results, load_results
from molgen.report.frame import ASSETS, fill
from molgen.report.md import maps, plots, tables
from molgen.report.md.look import LABELS
from molgen.report.md.viewer import viewer_data
from molgen.report.numbers import facts
from molgen.report.plots import curves_svg

SHOWN_HISTOGRAMS = 12


def page(folder: Path) -> str:
    """The page of the results in a run folder.

    Raises:
        UsageError: The folder holds no results, or they cannot be read.
    """
    return render(load_results(folder))


def render(results: Results) -> str:
    """The page as text: no link leads out of it."""
    return fill(
        "md.html",
        title=results.title,
        subtitle=results.subtitle,
        verdict=_verdict(results),
        cards=tables.cards(results),
        metrics=tables.metric_groups(results),
        basins=tables.basin_table(results),
        geometry=_geometry(results),
        viewer=_viewer(results),
        facts=facts(results.provenance),
        js_bins=_bins(results.plane.js_bins, results),
        pmf_bins=_bins(results.plane.pmf_bins, results),
        significant=f"{SIGNIFICANT:g}",
        **_maps(results),
        **_profiles(results),
        **_model(results),
    )


def _verdict(results: Results) -> dict[str, Any] | None:
    if not results.certificate:
        return None
    text = results.certificate["verdict"]
    for basin in (gap["basin"] for gap in results.certificate["basins"]):
        text = text.replace(basin, maps.basin_symbol(basin))
    return {
        "consistent": results.certificate["consistent"],
        "text": text,
    }


def _bins(bins: int, results: Results) -> str:
    return " × ".join([str(bins)] * len(results.plane.names))


def map_counts(results: Results, bins_for: Callable[[int], int]) -> dict[str, np.ndarray]:
    """Source -> frames in each bin, the same bins for all."""
    bins = bins_for(min(len(e.points) for e in results.ensembles.values()))
    return {
        source: maps.counts_of(ensemble.points, results.plane, bins)
        for source, ensemble in results.ensembles.items()
    }


def top_energy(counts: dict[str, np.ndarray]) -> float:
    """Upper end of the free-energy scale: what the largest set can resolve, kT."""
    return float(np.clip(np.ceil(max(np.log(c.max()) for c in counts.values())), 4, 9))


def pairs(results: Results) -> list[tuple[str, str]]:
    """(source, other) of every difference map: later sources against earlier ones."""
    return [(b, a) for a, b in combinations([s for s in SOURCES if s in results.ensembles], 2)]


def _maps(results: Results) -> dict[str, Any]:
    if len(results.plane.names) < 2:
        return {"maps": [], "differences": []}
    plane, counts = results.plane, map_counts(results, maps.map_bins)
    coarse = map_counts(results, maps.difference_bins)
    top, span = top_energy(counts), 1.0
    return {
        "maps": [
            maps.map_svg(f"map-{s}", LABELS[s], c, plane, top, results.boxes if k == 0 else {})
            for k, (s, c) in enumerate(counts.items())
        ],
        "map_bar": maps.colour_bar_svg("map-bar", "free energy (kT)", 0, top),
        "has_boxes": bool(results.boxes),
        "differences": [
            maps.difference_svg(
                f"difference-{a}-{b}",
                f"{LABELS[a]} − {LABELS[b].lower()}",
                maps.difference(coarse[a], coarse[b]),
                plane,
                span,
            )
            for a, b in pairs(results)
        ],
        "difference_bar": maps.colour_bar_svg("difference-bar", "ΔF (kT)", -span, span),
        "few": maps.FEW,
    }


def _profiles(results: Results) -> dict[str, Any]:
    by_source = {}
    for source, comparison in results.comparisons.items():
        by_source[source] = {k: p["samples"] for k, p in comparison["profiles"].items()}
        by_source.setdefault(
            "reference", {k: p["reference"] for k, p in comparison["profiles"].items()}
        )
    figures = [
        plots.profile_svg(
            f"profile-{name}",
            name,
            {s: by_source[s][name] for s in SOURCES if s in by_source},
            results.plane,
        )
        for name in (results.plane.names if by_source else ())
    ]
    chains = any(e.chains is not None for e in results.ensembles.values())
    return {"profiles": figures, "correlated": chains}


def _geometry(results: Results) -> dict[str, Any] | None:
    panels = []
    for kind, factor, unit in (
        ("distances", 1.0, "length (nm)"),
        ("angles", 180 / np.pi, "angle (°)"),
    ):
        holders = [e for e in results.ensembles.values() if getattr(e, kind)]
        for name in getattr(holders[0], kind) if holders else ():
            worst = max(
                (c[kind][name]["w1"]["z"] for c in results.comparisons.values() if c.get(kind)),
                default=0.0,
            )
            panels.append((kind, name, factor, unit, worst))
    if not panels:
        return None
    chosen = panels
    if len(panels) > SHOWN_HISTOGRAMS:
        worst_first = sorted(panels, key=lambda panel: -panel[4])[:SHOWN_HISTOGRAMS]
        chosen = [panel for panel in panels if panel in worst_first]
    figures = [
        plots.histogram_svg(
            f"{kind}-{k}",
            name.replace(" - ", "–"),
            {
                s: getattr(e, kind)[name] * factor
                for s, e in results.ensembles.items()
                if name in getattr(e, kind)
            },
            unit,
        )
        for k, (kind, name, factor, unit, _) in enumerate(chosen)
    ]
    heads, rows = tables.length_rows(results)
    note = "Distributions of bond lengths and of the angles between bonds."
    if len(panels) > len(chosen):
        note += f" The {len(chosen)} furthest from the reference of {len(panels)} are drawn."
    return {
        "note": note,
        "figures": figures,
        "sources": [{"kind": s, "name": LABELS[s]} for s in results.ensembles],
        "heads": heads,
        "rows": rows,
    }


def _model(results: Results) -> dict[str, Any]:
    units = {"js": "JS (nats)", "pmf": "PMF error ((kT)²)"}
    titles = {"js": "JS divergence", "pmf": "PMF error"}
    return {
        "residual": results.residuals
        and curves_svg(
            "residual",
            results.residuals,
            "noise / signal",
            "rms residual, of the Laplacian",
            log_x=True,
            log_y=True,
            title="Fokker–Planck residual",
        ),
        "evaluations": [
            curves_svg(
                f"evaluations-{key}",
                curves,
                "network evaluations a sample",
                units[key],
                log_x=True,
                log_y=True,
                title=f"{titles[key]} against sampling effort",
            )
            for key, curves in results.evaluations.items()
        ],
        "training": results.training
        and curves_svg("training", results.training, "step", "loss", log_y=True, title="Training"),
    }


def _viewer(results: Results) -> dict[str, Any] | None:
    if not results.conformers or results.mapping is None:
        return None
    # "</" would end the script element that carries the data
    data = json.dumps(viewer_data(results.conformers, results.mapping)).replace("</", "<\\/")
    return {
        "json": data,
        "count": min(len(x) for x in results.conformers.values()),
        "sources": [{"kind": s, "name": LABELS[s]} for s in results.conformers],
        "library": (ASSETS / "3Dmol-min.js").read_text(encoding="utf-8"),
        "script": (ASSETS / "viewer.js").read_text(encoding="utf-8"),
        "licences": (ASSETS / "3Dmol-LICENSES.txt").read_text(encoding="utf-8"),
    }
