"""`molgen sample`: conformers from a trained model, by a reverse-time solver from noise."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from molgen import checkpoint as checkpoints
from molgen.core.models import EnergyModel
from molgen.errors import MolgenError, UsageError
from molgen.files import write_json
from molgen.likelihood import LikelihoodTable
from molgen.md.drawn import sample_scored
from molgen.md.evaluation.basins import basin_summary
from molgen.md.likelihood import AT_ONCE
from molgen.md.models.batch import as_batch
from molgen.md.models.statistics import Statistics
from molgen.md.output import prepare, write_trajectory
from molgen.md.steered import sample_steered
from molgen.md.system import load_system
from molgen.md.task import DataTable, restore
from molgen.run import provenance
from molgen.sampler import SampleTable
from molgen.steering import SteerPlan

Progress = Callable[[str, int, int], None]

COMPILE_FROM = 100_000
"""Conformers from which on compiling the model costs less time than it saves."""


def sample(
    checkpoint: str | Path,
    *,
    count: int,
    output: str | Path,
    steps: int | None = None,
    solver: str | None = None,
    grid: str | None = None,
    teleport: float | None = None,
    likelihood: LikelihoodTable | None = None,
    steering: SteerPlan | None = None,
    batch_size: int = 10_000,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Path:
    """A file of independent conformers; beside it a JSON of the same name says how they were made.

    The same seed, batch size and machine give the same file. It is written at the end, whole.

    Args:
        checkpoint: a shipped name, a checkpoint, or a run folder.
        count: how many.
        output: .xtc, .dcd or .pdb; .npz for test systems.
        steps: solver steps; those of the recipe if None.
        solver: see `molgen.solver`; that of the recipe if None.
        grid: of its times, see `SampleTable`; that of the recipe if None.
        teleport: see `SampleTable`; that of the recipe if None.
        likelihood: draw by the probability flow instead, which says the log q of each as well; see
            `molgen.md.drawn`.
        steering: draw with rewards that steer, by particles; see `molgen.md.steered`.
        batch_size: conformers at a time.
        seed: of all random numbers.
        device: where the model runs.
        progress: told (what, done, total).

    Raises:
        UsageError: the checkpoint, the solver or the file's format cannot be used.
        MolgenError: a conformer is not finite, or the disk is full.
    """
    if likelihood is not None:
        if steering is not None:
            raise UsageError("log q is of draws that nothing steers: leave one out")
        if any(one is not None for one in (steps, solver, grid, teleport)):
            raise UsageError("log q is of draws by the probability flow; leave the solver out")
        return sample_scored(
            checkpoint,
            count=count,
            output=output,
            table=likelihood,
            batch_size=min(batch_size, AT_ONCE),
            seed=seed,
            device=device,
            progress=progress,
        )
    if steering is not None:
        return sample_steered(
            checkpoint,
            count=count,
            output=output,
            steering=steering,
            steps=steps,
            solver=solver,
            grid=grid,
            teleport=teleport,
            batch_size=batch_size,
            seed=seed,
            device=device,
            progress=progress,
        )
    started, found = provenance(), checkpoints.load(checkpoint)
    model, statistics = restore(found)
    system = load_system(found.recipe.table("data", DataTable).system)
    output = prepare(Path(output), len(statistics.offset))
    table = SampleTable.of_checkpoint(
        found, steps=steps, solver=solver, grid=grid, teleport=teleport
    )
    model = model.to(device)
    if count >= COMPILE_FROM:
        model.accelerate()
    begun = time.perf_counter()
    x = draw(
        model,
        statistics,
        count,
        table=table,
        batch_size=batch_size,
        generator=torch.Generator(device).manual_seed(seed),
        progress=progress,
    )
    seconds = time.perf_counter() - begun
    write_trajectory(output, x.numpy(force=True), statistics.mapping)
    write_json(
        output.with_suffix(".json"),
        {
            "conformers": count,
            "system": statistics.system,
            "beads": statistics.mapping.name,
            "checkpoint": str(checkpoint),
            "weights": found.fingerprint,
            **table.model_dump(),
            "batch_size": batch_size,
            "seed": seed,
            "seconds": round(seconds, 3),
            "conformers_per_s": float(f"{count / seconds:.4g}"),
            **basin_summary(system, statistics.mapping, x.numpy(force=True)),
            "provenance": started,
        },
    )
    return output


def draw(
    model: EnergyModel,
    statistics: Statistics,
    count: int,
    *,
    table: SampleTable | None = None,
    batch_size: int = 2000,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> Tensor:
    """`[count, beads, dims]` independent conformers, nm.

    Args:
        model: trained energy model of positions.
        statistics: of its molecule.
        count: how many.
        table: how they are drawn.
        batch_size: conformers at a time; of several batches the last is as large as the others, so
            that a compiled model meets one shape, and what is too much is dropped.
        generator: source of randomness.
        progress: told (what, done, total).

    Raises:
        UsageError: no such solver or grid.
        MolgenError: a conformer is not finite.
    """
    table = table or SampleTable()
    shape = (min(batch_size, count), len(statistics.mapping), len(statistics.offset))
    done: list[Tensor] = []
    for start in range(0, count, batch_size):
        batch = as_batch(torch.zeros(shape, device=generator.device))
        batch, _ = table.integrate(model, batch, generator)
        done.append(statistics.restore(batch.state["pos"]))
        if progress is not None:
            progress("sampling", min(start + batch_size, count), count)
    x = torch.cat(done)[:count]
    bad = ~torch.isfinite(x).flatten(1).all(1)
    if bad.any():
        raise MolgenError(
            f"{int(bad.sum())} of {count} samples are not finite (the first is "
            f"{int(bad.nonzero()[0])}); take more steps"
        )
    return x
