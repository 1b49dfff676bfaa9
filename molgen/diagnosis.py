"""`molgen diagnose`: what a checkpoint's score is worth, beside what it draws.

diagnosis.json   every number beside its meaning and what would be good, curves, verdicts
report.html      the same as a page
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from molgen import trained
from molgen.core.batch import Batch
from molgen.core.diagnostics import DIAGNOSTICS
from molgen.core.diagnostics.finding import Finding
from molgen.core.diagnostics.likelihood import FEW
from molgen.core.diagnostics.subject import Effort, Subject, Tell
from molgen.core.processes import Processes
from molgen.core.random import Streams
from molgen.core.steering.denoised import denoised
from molgen.core.threads import cpu_threads
from molgen.errors import MolgenError, UsageError
from molgen.evaluation import origin_of
from molgen.files import write_json
from molgen.results import DIAGNOSIS, KEY, PILLAR
from molgen.run import Run, provenance
from molgen.trained import Trained

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes:
        page: the HTML; `diagnosis.json` is beside it.
        points: at what the score was looked at.
        findings: by the name of the diagnostic.
    """

    page: Path
    points: str
    findings: Mapping[str, Finding]

    @property
    def verdicts(self) -> list[str]:
        """One line each, of what was measured."""
        return [
            f"{one.title}: {one.verdict}"
            for one in self.findings.values()
            if one.numbers or one.plots
        ]


def diagnose(
    checkpoint: str | Path,
    output: str | Path | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    device: str = "cpu",
    receptor: str | Path | None = None,
    ligand: str | Path | None = None,
    progress: Progress | None = None,
) -> Diagnosis:
    """Look at the score of any checkpoint; writes a page and a JSON.

    Args:
        checkpoint: a shipped name, a checkpoint, or a run folder.
        output: folder for what is found; `runs/diagnose-<name>` if None.
        quick: fewer points and noise levels: half a minute, with larger errors.
        seed: of all random numbers.
        device: where the score is computed.
        receptor: of models of poses: the PDB or mmCIF that poses are in; an example if None.
        ligand: of models of poses: the .sdf or .mol2 of the ligand where it lies.
        progress: told (what, done, total).

    Raises:
        UsageError: the checkpoint cannot be used, or the folder holds something else.
        MolgenError: the score is not finite, or there are neither data nor draws to look at.
    """
    with cpu_threads(1):
        return _diagnose(
            checkpoint,
            output,
            quick,
            seed,
            device,
            {"receptor": receptor, "ligand": ligand},
            progress or (lambda what, done, total: None),
        )


def _diagnose(
    checkpoint: str | Path,
    output: str | Path | None,
    quick: bool,
    seed: int,
    device: str,
    context: Mapping[str, str | Path | None],
    tell: Progress,
) -> Diagnosis:
    """The work of `diagnose`, diagnostic by diagnostic."""
    begun = provenance()
    found = trained.load(checkpoint, **{k: v for k, v in context.items() if v is not None})
    name = Path(checkpoint).name
    folder = Path(output) if output is not None else Path("runs") / f"diagnose-{name}"
    identity = {"command": "diagnose", "weights": found.checkpoint.fingerprint}
    Run.start(folder, identity)
    found.model.to(device)
    clocks: dict[str, float] = {}
    start = time.perf_counter()
    subject, effort, points = _subject(found, quick, seed, device, tell)
    clocks["points"] = round(time.perf_counter() - start, 2)
    findings = {}
    for key, diagnostic in DIAGNOSTICS.items():
        start = time.perf_counter()
        generator = torch.Generator(device).manual_seed(zlib.crc32(f"{seed} {key}".encode()))
        findings[key] = diagnostic(subject, effort, generator, _teller(tell, key))
        clocks[key] = round(time.perf_counter() - start, 2)
    recipe = found.checkpoint.recipe
    content = {
        PILLAR: "diagnosis",
        "title": f"Diagnosis of {recipe.name}",
        "subtitle": recipe.description,
        "points": points,
        "findings": {key: asdict(one) for key, one in findings.items()},
        "provenance": {
            **origin_of(found.checkpoint, checkpoint),
            "effort": {"quick": quick, **asdict(effort)},
            "directions of a graph": round(subject.dim, 1),
            **({"complex": _text(context)} if any(context.values()) else {}),
            "diagnosis": {**begun, "seed": seed, "device": device, "seconds": clocks},
        },
    }
    write_json(folder / DIAGNOSIS, {KEY: _finite(content)})
    from molgen.report.page import write_report  # matplotlib, which nothing above needs

    return Diagnosis(write_report(folder), points, findings)


def _subject(
    found: Trained, quick: bool, seed: int, device: str, tell: Progress
) -> tuple[Subject, Effort, str]:
    """What is diagnosed, how much of it, and in words at which points."""
    shape = found.shapes(8, seed=seed)
    model, processes = found.model, found.processes
    effort = Effort.of(Subject(model, processes, shape, False).dim, quick=quick)
    data, why = None, ""
    try:
        data = found.data(effort.draws, seed=seed).to(device)
    except UsageError as error:
        why = f"no held-out data ({error})"
    if data is not None and data.graphs < FEW:
        why = f"{data.graphs} held-out data, too few to be looked at alone"
    enough = data is not None and data.graphs >= FEW
    drawn, draws = None, None
    try:
        drawn, draws = _draw(found, effort.drawn, seed, device, tell)
    except MolgenError as error:
        if not enough:
            raise MolgenError(
                f"{found.name}: {why}, and its own draws cannot be used ({error}): there is "
                "nothing to diagnose it at; give it the data set of its recipe"
            ) from None
    if enough:
        assert data is not None
        clean, points = data, f"Points: {data.graphs} held-out data, noised."
    else:
        assert draws is not None
        clean = draws
        points = f"Points: {clean.graphs} of the model's own draws, noised: there are {why}."
    ranked = None if data is None else data.take(torch.arange(min(data.graphs, 4 * effort.drawn)))
    subject = Subject(model, processes, clean, enough, ranked, drawn, found.exact())
    return subject, effort, points


def _draw(
    found: Trained, count: int, seed: int, device: str, tell: Progress
) -> tuple[Batch, Batch]:
    """Draws at the smallest time, and what they are without its noise.

    Raises:
        MolgenError: they are not finite.
    """
    table, processes = found.table, found.processes
    shape = found.shapes(count, seed=seed).to(device)
    streams = Streams.of(seed, 0, count, device)
    trial = _Counted(_Featureless(processes), lambda done: None)  # how often it will be asked
    table.integrate(trial, found.shapes(1, seed=seed), Streams.of(seed, 0, 1))
    model = _Counted(found.model, lambda done: tell("drawing", done * count, trial.asked * count))
    end, t = table.integrate(model, shape, streams)
    with torch.no_grad():
        clean = denoised(processes, found.model.score(end, t), end, t)
    for name, value in clean.state.items():
        if not torch.isfinite(value).all():
            raise MolgenError(f"field '{name}' of what it draws is not finite")
    return end, clean


class _Featureless:
    """The score of data without features."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """That of the base of each field."""
        return {
            name: process.base_score(batch.state[name], t, batch.rows[name])
            for name, process in self.processes.items()
        }


class _Counted:
    """A score that tells how often it was asked."""

    def __init__(self, model: Any, tell: Callable[[int], None]) -> None:
        self.processes, self.asked = model.processes, 0
        self._model, self._tell = model, tell

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """That of the model."""
        self.asked += 1
        self._tell(self.asked)
        score: dict[str, Tensor] = self._model.score(batch, t)
        return score


def _teller(tell: Progress, key: str) -> Tell:
    what = key.replace("_", " ")
    return lambda done, total: tell(what, done, total)


def _text(context: Mapping[str, Any]) -> dict[str, str]:
    return {key: Path(value).name for key, value in context.items() if value is not None}


def _finite(value: Any) -> Any:
    """Nested values with every NaN and infinity as None, which JSON knows."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value
