"""`molgen demo`: the main job on real input, from shipped weights to a report, in minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from molgen import checkpoint as checkpoints
from molgen.core.threads import cpu_threads
from molgen.md.evaluation.evaluate import Evaluation, evaluate, load_model
from molgen.md.evaluation.options import EvaluateTable
from molgen.md.output import read_trajectory, write_trajectory
from molgen.md.potentials.model import ModelPotential
from molgen.md.simulate import simulate
from molgen.report.page import write_report

Progress = Callable[[str, int, int], None]

OPENMM = "openmm.xtc"


@dataclass(frozen=True)
class DemoSize:
    """How much the demo does: what two cores manage in well under five minutes.

    Attributes:
        checkpoint: the model.
        evaluate: samples, chains and what is measured of them.
        written: conformers of each in samples.xtc and trajectory.xtc.
        openmm_ps: length of the simulation by OpenMM.
    """

    checkpoint: str = "alanine_dipeptide"
    evaluate: EvaluateTable = field(
        default_factory=lambda: EvaluateTable(
            samples=50_000,
            chains=500,
            time_ps=40.0,
            equilibration_ps=20.0,
            curve_solvers=("heun",),
            curve_samples=4000,
        )
    )
    written: int = 5000
    openmm_ps: float = 20.0


@dataclass(frozen=True)
class Demo:
    """What the demo made.

    Attributes:
        report: the page.
        evaluation: the numbers behind it.
        openmm: one line on the simulation by OpenMM.
    """

    report: Path
    evaluation: Evaluation
    openmm: str


def demo(
    output: str | Path,
    *,
    size: DemoSize | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Demo:
    """Sample, simulate with our engine and with OpenMM, compare with reference MD, and report.

    samples.xtc         independent conformers
    trajectory.xtc      frames of the simulation by our batched integrator, chain by chain
    openmm.xtc          a simulation by OpenMM with the same forces
    summary.json, arrays.npz, report.html

    Args:
        output: folder for all of it.
        size: how much of everything.
        seed: of all random numbers.
        progress: told (what, done, total).

    Raises:
        UsageError: the checkpoint is not there, or the folder holds another run.
        MolgenError: a sample or a chain is not finite.
    """
    size = size or DemoSize()
    folder = Path(output)
    done = evaluate(
        size.checkpoint, output=folder, options=size.evaluate, seed=seed, progress=progress
    )
    model = load_model(checkpoints.load(size.checkpoint))
    mapping = model.statistics.mapping
    by_chain = done.simulation.transpose(0, 1).flatten(0, 1)
    stride_ps = done.results.provenance["simulation"]["stride_ps"]
    for name, x, interval_ps in (
        ("samples.xtc", done.samples, 1.0),
        ("trajectory.xtc", by_chain, stride_ps),
    ):
        frames = x[: size.written].numpy(force=True)
        write_trajectory(folder / name, frames, mapping, interval_ps=interval_ps)
    (folder / OPENMM).unlink(missing_ok=True)  # of an earlier demo
    with cpu_threads(size.evaluate.threads):
        simulate(
            size.checkpoint,
            engine="openmm",
            chains=1,
            time_ps=size.openmm_ps,
            output=folder / OPENMM,
            seed=seed,
            compiled=size.evaluate.compile,
            progress=progress,
        )
    potential = ModelPotential(model.energy, model.statistics)
    frames = read_trajectory(folder / OPENMM, mapping)
    theirs = potential.energy(torch.from_numpy(frames[len(frames) // 5 :]))
    ours = potential.energy(by_chain[-20_000:])
    openmm = {
        "file": OPENMM,
        "time_ps": size.openmm_ps,
        "mean energy, OpenMM (kJ/mol)": _mean(theirs.numpy()),
        "mean energy, molgen (kJ/mol)": _mean(ours.numpy()),
    }
    facts = {**done.results.provenance, "the same forces in OpenMM": openmm}
    results = replace(done.results, provenance=facts)
    results.save(folder)
    line = (
        f"OpenMM with the same forces, {size.openmm_ps:g} ps: mean energy "
        f"{openmm['mean energy, OpenMM (kJ/mol)']} kJ/mol, "
        f"molgen's engine {openmm['mean energy, molgen (kJ/mol)']} kJ/mol"
    )
    return Demo(write_report(folder), replace(done, results=results), line)


def _mean(values: np.ndarray, blocks: int = 10) -> str:
    """Mean and standard error of a series, the error from blocks of it."""
    parts = [part.mean() for part in np.array_split(values, min(blocks, len(values)))]
    error = np.std(parts, ddof=1) / len(parts) ** 0.5 if len(parts) > 1 else float("nan")
    return f"{values.mean():.2f} ± {error:.2f}"
