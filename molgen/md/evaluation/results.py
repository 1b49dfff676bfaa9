"""What a report is made of: the results of an evaluation, kept in a run folder.

summary.json   "report": title, comparisons, certificate, beads, curves and provenance
arrays.npz     frames: points, chains, distances and angles of each source, a few conformers
run.json, starts.jsonl, log.jsonl   read for provenance and the training curve, if they are there
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from molgen.errors import UsageError
from molgen.files import RUN_FILE, read_json, write_json, written_whole
from molgen.md.beads import BeadMapping
from molgen.md.evaluation.ensemble import Ensemble
from molgen.md.evaluation.metrics import Plane
from molgen.run import STARTS, SUMMARY, read_log

ARRAYS, KEY = "arrays.npz", "report"
SOURCES = ("reference", "iid", "simulation")
"""Where frames come from, in the order in which a report shows them."""


@dataclass(frozen=True)
class Curve:
    """A line of a plot: y against x, with the ends of its band where there is one.

    Attributes:
        name: Its label.
        x: [k].
        y: [k].
        low: Lower end [k].
        high: Upper end [k].
    """

    name: str
    x: list[float]
    y: list[float]
    low: list[float] | None = None
    high: list[float] | None = None


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
        path = folder / SUMMARY
        earlier = read_json(path) if path.exists() else {}
        write_json(path, {**earlier, KEY: self._content()})

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
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such run folder")
    content = read_json(folder / SUMMARY).get(KEY)
    if content is None:
        raise UsageError(
            f"{folder / SUMMARY}: holds no evaluation yet; run `molgen evaluate md` on it first"
        )
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
        residuals=tuple(Curve(**curve) for curve in content["residuals"]),
        evaluations={k: tuple(Curve(**c) for c in v) for k, v in content["evaluations"].items()},
        training=tuple(Curve(**c) for c in content["training"]) or _training_log(folder),
        published=content["published"],
        provenance={**content["provenance"], **_run_facts(folder)},
    )


def _run_facts(folder: Path) -> dict[str, Any]:
    """How the run was started and what it is, from its own files."""
    facts: dict[str, Any] = {}
    if (folder / STARTS).is_file():
        facts["started"] = json.loads((folder / STARTS).read_text().splitlines()[-1])
    if (folder / RUN_FILE).is_file():
        facts["run"] = read_json(folder / RUN_FILE)
    return facts


def _training_log(folder: Path) -> tuple[Curve, ...]:
    """Every quantity of log.jsonl with "loss" in its name, against the step."""
    records = list(read_log(folder))
    names = dict.fromkeys(key for record in records for key in record if "loss" in key)
    curves = []
    for name in names:
        pairs = [(r["step"], r[name]) for r in records if r.get(name) is not None and "step" in r]
        if len(pairs) > 1:
            curves.append(Curve(name, [float(x) for x, _ in pairs], [float(y) for _, y in pairs]))
    return tuple(curves)


def _finite(edge: float) -> float | None:
    """An infinite edge as None, which JSON knows."""
    return float(edge) if np.isfinite(edge) else None
