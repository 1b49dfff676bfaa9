"""What a report is made of: the results of an evaluation, kept in a run folder.

summary.json   "report": title, comparisons, certificate, beads, curves and provenance
arrays.npz     frames: points, chains, distances and angles of each source, a few conformers
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from molgen.errors import UsageError
from molgen.files import written_whole
from molgen.md.evaluation.ensemble import Ensemble
from molgen.md.evaluation.metrics import Plane
from molgen.md.system.beads import BeadMapping
from molgen.results import (
    Curve,
    curves_of,
    read_results,
    run_facts,
    training_curves,
    write_results,
)

ARRAYS = "arrays.npz"
SOURCES = ("reference", "iid", "simulation")
"""Where frames come from, in the order in which a report shows them."""


@dataclass(frozen=True)
class Results:
    """Everything `write_report` shows; all but title, plane and frames may be missing.

    Attributes:
        title: Headline, such as "Alanine dipeptide, 5 beads".
        plane: Coordinates of the maps.
        ensembles: Source ("reference", "iid", "simulation") -> frames.
        subtitle: A line under the headline.
        comparisons: Source -> `comparison.compare` against the reference; "published_size", if
            there, the metrics at the number of frames of published ones.
        baseline: Metrics of the training frames against the reference: as good as a fit can be.
        certificate: `ConsistencyCertificate.to_dict()`.
        boxes: Basin -> coordinate -> (low, high), drawn over the maps.
        mapping: Beads of the conformers.
        conformers: Source -> positions [k, beads, 3] in nm, a dozen or so.
        residuals: Fokker-Planck residual against diffusion time.
        evaluations: "js", "pmf" -> metric against network evaluations of the sampler.
        training: Loss curves, if not to be read from log.jsonl.
        published: Rows of numbers to set beside ours: label -> source -> {"js": .., "pmf": ..}.
        provenance: Facts for the last table; nested tables become sections.
    """

    title: str
    plane: Plane
    ensembles: Mapping[str, Ensemble]
    subtitle: str = ""
    comparisons: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    baseline: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    certificate: dict[str, Any] | None = None
    boxes: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)
    mapping: BeadMapping | None = None
    conformers: Mapping[str, np.ndarray] = field(default_factory=dict)
    residuals: tuple[Curve, ...] = ()
    evaluations: Mapping[str, tuple[Curve, ...]] = field(default_factory=dict)
    training: tuple[Curve, ...] = ()
    published: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write them into a run folder, beside what its summary.json already says.

        Raises:
            UsageError: summary.json is there and is not JSON.
            MolgenError: the files cannot be written.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, np.ndarray] = {}
        for source, ensemble in self.ensembles.items():
            arrays[f"{source}_points"] = np.asarray(ensemble.points, dtype=np.float32)
            if ensemble.chains is not None:
                arrays[f"{source}_chains"] = np.asarray(ensemble.chains, dtype=np.int32)
            for kind in ("distances", "angles"):
                values: Mapping[str, np.ndarray] = getattr(ensemble, kind)
                if values:
                    arrays[f"{source}_{kind}"] = np.stack(list(values.values()), 1).astype("f4")
                    arrays[f"{kind}_names"] = np.array(list(values))
        for source, positions in self.conformers.items():
            arrays[f"{source}_conformers"] = np.asarray(positions, dtype=np.float32)
        with written_whole(folder / ARRAYS) as temporary, open(temporary, "wb") as handle:
            np.savez(handle, **arrays)  # type: ignore[arg-type]
        write_results(folder, "md", self._content())

    def _content(self) -> dict[str, Any]:
        """The part that is JSON."""
        return {
            "title": self.title,
            "subtitle": self.subtitle,
            "plane": self.plane.to_dict(),
            "comparisons": dict(self.comparisons),
            "baseline": dict(self.baseline),
            "certificate": self.certificate,
            "boxes": {
                name: {cv: [_finite(edge) for edge in box] for cv, box in boxes.items()}
                for name, boxes in self.boxes.items()
            },
            "beads": self.mapping.to_dict() if self.mapping else None,
            "residuals": [vars(curve) for curve in self.residuals],
            "evaluations": {k: [vars(c) for c in curves] for k, curves in self.evaluations.items()},
            "training": [vars(curve) for curve in self.training],
            "published": {k: dict(v) for k, v in self.published.items()},
            "provenance": dict(self.provenance),
        }


def load_results(folder: Path) -> Results:
    """The results that `Results.save` put into a run folder.

    Raises:
        UsageError: a file is missing or does not hold them; the file is named.
    """
    folder = Path(folder)
    content = read_results(folder)
    try:
        with np.load(folder / ARRAYS, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder / ARRAYS}: cannot be read: {error}") from error
    try:
        return _assemble(content, arrays, folder)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{folder}: results cannot be read: {error!r}") from error


def _assemble(content: dict[str, Any], arrays: dict[str, np.ndarray], folder: Path) -> Results:
    plane = Plane(
        **{
            **content["plane"],
            "names": tuple(content["plane"]["names"]),
            "limits": tuple((low, high) for low, high in content["plane"]["limits"]),
        }
    )
    names = {kind: arrays.get(f"{kind}_names", np.array([])) for kind in ("distances", "angles")}
    ensembles = {
        source: Ensemble(
            arrays[f"{source}_points"],
            arrays.get(f"{source}_chains"),
            *(
                {str(n): arrays[f"{source}_{kind}"][:, k] for k, n in enumerate(names[kind])}
                if f"{source}_{kind}" in arrays
                else {}
                for kind in ("distances", "angles")
            ),
        )
        for source in SOURCES
        if f"{source}_points" in arrays
    }
    if not ensembles:
        raise KeyError("no frames of reference, iid or simulation")
    return Results(
        title=content["title"],
        subtitle=content["subtitle"],
        plane=plane,
        ensembles=ensembles,
        comparisons=content["comparisons"],
        baseline=content["baseline"],
        certificate=content["certificate"],
        boxes={
            name: {
                cv: (-np.inf if low is None else low, np.inf if high is None else high)
                for cv, (low, high) in boxes.items()
            }
            for name, boxes in content["boxes"].items()
        },
        mapping=BeadMapping.from_dict(content["beads"]) if content["beads"] else None,
        conformers={
            source: arrays[f"{source}_conformers"]
            for source in SOURCES
            if f"{source}_conformers" in arrays
        },
        residuals=curves_of(content["residuals"]),
        evaluations={k: curves_of(v) for k, v in content["evaluations"].items()},
        training=curves_of(content["training"]) or training_curves(folder),
        published=content["published"],
        provenance={**content["provenance"], **run_facts(folder)},
    )


def _finite(edge: float) -> float | None:
    """An infinite edge as None, which JSON knows."""
    return float(edge) if np.isfinite(edge) else None
