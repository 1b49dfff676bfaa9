"""What a model's conformers are worth: every number and curve of an evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from molgen.core.diagnostics.fokker_planck import residual_line
from molgen.core.models import EnergyModel
from molgen.effort import evaluations, steps_within
from molgen.md.evaluation.certificate import certify
from molgen.md.evaluation.comparison import compare, measure_plane
from molgen.md.evaluation.ensemble import (
    Ensemble,
    bead_variables,
    blocks,
    evenly,
    plane_of,
    thermal,
)
from molgen.md.evaluation.options import EvaluateTable, published
from molgen.md.evaluation.results import Results
from molgen.md.evaluation.truth import Truth
from molgen.md.models.batch import as_batch
from molgen.md.models.statistics import Statistics
from molgen.md.sample import draw
from molgen.md.system import System
from molgen.md.system.collective import assign
from molgen.results import Curve
from molgen.sampler import SampleTable

Progress = Callable[[str, int, int], None]

STORED = 100_000
"""Frames of each source kept for plots: three of them stay below 15 MB."""

CONFORMERS = 12
"""Conformers of each source in the viewer."""

BATCH = 2000
"""Conformers drawn at a time: of one size, which suits a compiled model."""

SMALLEST = as_batch(torch.ones(1, 2, 1))
"""A batch for counting network evaluations."""


@dataclass(frozen=True)
class Model:
    """A trained model with the molecule it is of."""

    energy: EnergyModel
    statistics: Statistics
    system: System


def conformers(
    model: Model,
    count: int,
    *,
    table: SampleTable,
    stage: str,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> Tensor:
    """`[count, beads, dims]` independent conformers, nm; `stage` names them to `progress`."""

    def told(_: str, done: int, total: int) -> None:
        if progress is not None:
            progress(stage, done, total)

    return draw(
        model.energy,
        model.statistics,
        count,
        table=table,
        batch_size=BATCH,
        generator=generator,
        progress=told,
    )


def assess(
    model: Model,
    samples: Tensor,
    simulation: Tensor,
    truth: Truth | None,
    options: EvaluateTable,
    *,
    groups: int | None = None,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> Results:
    """Samples and simulation of a model, compared with the truth and with each other.

    Args:
        model: the model, not compiled.
        samples: `[n, beads, dims]` nm, independent.
        simulation: `[frames, chains, beads, dims]` nm, at equilibrium.
        truth: held-out frames; without them there is the certificate only.
        options: how much to measure.
        groups: independent groups of as many consecutive chains each; every chain is one if None.
        generator: source of randomness, on the CPU.
        progress: told (what, done, total).

    Raises:
        UsageError: the beads lack an atom that a collective variable needs.
        MolgenError: a conformer is not finite.
    """
    tell = progress or (lambda what, done, total: None)
    system, mapping = model.system, model.statistics.mapping
    variables, plane = bead_variables(system, mapping), plane_of(system)
    kT, unit = thermal(system)
    common: dict[str, Any] = {
        "energy_unit": unit,
        "basins": system.basins,
        "generator": generator,
    }
    beads = mapping if mapping.bonds else None
    by_chain = simulation.transpose(0, 1).flatten(0, 1)
    groups = groups or simulation.shape[1]
    labels = blocks(len(by_chain), groups if groups > 1 else 20)
    iid = Ensemble.from_positions(samples, variables, beads)
    simulated = Ensemble.from_positions(by_chain, variables, beads, labels)
    sources = {"iid": iid, "simulation": simulated}
    stages = len(sources) + 2
    tell("comparing", 0, stages)
    certificate = certify(iid, simulated, plane, kT, **common)
    tell("comparing", 1, stages)
    comparisons, baseline = {}, {}
    for number, (source, ensemble) in enumerate(sources.items() if truth else ()):
        assert truth is not None
        found = compare(
            ensemble if truth.frames else ensemble.without_geometry(),
            truth.points,
            plane,
            kT,
            geometry=truth.frames,
            repeats=options.repeats,
            **common,
        )
        size = options.published_size
        if max(len(ensemble.points), len(truth.points.points)) > size:
            found["published_size"] = _plain(
                measure_plane(
                    ensemble.thinned(size),
                    truth.points.thinned(size),
                    plane,
                    pool=truth.points.points,
                    repeats=options.repeats,
                    generator=generator,
                )
            )
        comparisons[source] = found
        tell("comparing", 2 + number, stages)
    if truth:
        if truth.training:
            baseline = _plain(
                measure_plane(
                    truth.training,
                    truth.points,
                    plane,
                    repeats=options.repeats,
                    generator=generator,
                )
            )
        sources = {"reference": truth.frames or truth.points, **sources}
    tell("comparing", stages, stages)
    shown = {"iid": samples, "simulation": by_chain}
    if truth and truth.positions is not None:
        shown = {"reference": truth.positions, **shown}
    return Results(
        title=system.description,
        subtitle=f"{len(mapping)} beads: {' '.join(b.label for b in mapping.beads)}"
        if system.free
        else "",
        plane=plane,
        ensembles={source: e.thinned(STORED) for source, e in sources.items()},
        comparisons=comparisons,
        baseline=baseline,
        certificate=certificate.to_dict(),
        boxes={basin.name: dict(basin.bounds) for basin in system.basins},
        mapping=mapping if system.free else None,
        conformers={k: x[evenly(len(x), CONFORMERS)].numpy(force=True) for k, x in shown.items()}
        if system.free
        else {},
        published=published(system.name, mapping.name),
    )


def entries(model: Model, simulation: Tensor) -> dict[str, int]:
    """How often the chains of a simulation entered each basin: the evidence that they moved.

    simulation: `[frames, chains, beads, dims]` nm.
    """
    system = model.system
    variables = bead_variables(system, model.statistics.mapping)
    points = Ensemble.from_positions(simulation.flatten(0, 1), variables).points
    named = {name: torch.from_numpy(points[:, k]) for k, name in enumerate(variables)}
    index = assign(system.basins, named).reshape(simulation.shape[:2])
    entered = index[1:][index[1:] != index[:-1]]
    return {basin.name: int((entered == k).sum()) for k, basin in enumerate(system.basins)}


def residual_curve(
    model: Model, x: Tensor, *, generator: torch.Generator, levels: int = 20
) -> Curve:
    """The Fokker-Planck residual of a model (not compiled) at conformers x `[n, beads, dims]` nm.

    Root mean square, relative to the Laplacian of log q, against noise / signal.
    """
    clean = as_batch(model.statistics.normalise(x))
    line = residual_line(model.energy, clean, levels=levels, generator=generator)
    return Curve(line.name, line.x, line.y, line.low, line.high)


def effort_curves(
    model: Model,
    truth: Truth,
    options: EvaluateTable,
    *,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> dict[str, tuple[Curve, ...]]:
    """JS and PMF error of samples against the network evaluations they took, solver by solver.

    Beside them, the noise floor of as many samples.
    """
    variables = bead_variables(model.system, model.statistics.mapping)
    plane, processes = plane_of(model.system), model.energy.processes
    curves: dict[str, list[Curve]] = {"js": [], "pmf": []}
    for solver in options.curve_solvers:
        taken, measured = [], []
        for budget in options.curve_evaluations:
            cost = partial(evaluations, processes, SMALLEST, solver)
            steps = steps_within(cost, budget)
            taken.append(float(cost(steps)))
            x = conformers(
                model,
                options.curve_samples,
                table=options.with_solver(solver, steps),
                stage=f"{solver} {taken[-1]:.0f}",
                generator=generator,
                progress=progress,
            )
            ensemble = Ensemble.from_positions(x, variables)
            measured.append(
                measure_plane(
                    ensemble, truth.points, plane, repeats=options.repeats, generator=generator
                )
            )
        for key, lines in curves.items():
            value = [m[key].value for m in measured]
            band = [m[key].sd for m in measured]
            lines.append(
                Curve(
                    solver,
                    taken,
                    value,
                    [max(v - s, 0.1 * v) for v, s in zip(value, band, strict=True)],
                    [v + s for v, s in zip(value, band, strict=True)],
                )
            )
    for key, lines in curves.items():
        floor = measured[-1][key].floor + measured[-1][key].excess
        ends = [float(min(options.curve_evaluations)), float(max(options.curve_evaluations))]
        lines.append(Curve("noise floor", ends, [floor, floor]))
    return {key: tuple(lines) for key, lines in curves.items()}


def _plain(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: measured.to_dict() for name, measured in metrics.items()}
