r"""Log q of conformers: as they are drawn, and of those of a file or of held-out frames.

A model's states are y = (x - offset) / scale, so that per nm^D of the coordinates

    log q(x) = log q(y) - D log scale,    D = 3 (beads - 1) for molecules, whose centre is free
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from molgen.consistency import Geometry
from molgen.core.batch import Batch
from molgen.core.likelihood.density import Density, noised
from molgen.core.likelihood.gap import squared_distances, squared_rmsds
from molgen.core.models import EnergyModel
from molgen.core.random import Streams
from molgen.likelihood import Columns, LikelihoodTable, Subjects, columns
from molgen.md.output import read_trajectory
from molgen.md.statistics import Statistics
from molgen.md.task import as_batch
from molgen.md.trained import TrainedConformers

FLOW = LikelihoodTable(steps=24)
"""Of alanine dipeptide, log q is that of 80 steps to 0.01 nats, root mean square."""

AT_ONCE = 500
"""Conformers whose divergence is found together: what fits the cache, and gigabytes of memory."""


@dataclass(frozen=True)
class Scored:
    """Conformers and how likely they are.

    Attributes:
        batch: in the model's units, at the smallest noise.
        log_q: `[n]` nats, per nm^D.
        error: `[n]`, its standard error.
    """

    batch: Batch
    log_q: Tensor
    error: Tensor

    @classmethod
    def of(cls, batch: Batch, found: Density, statistics: Statistics) -> Scored:
        """From what the flow says of a batch in the model's units."""
        unit = dims_of(statistics) * math.log(statistics.scale)
        return cls(batch, found.log_q - unit, found.error)


def dims_of(statistics: Statistics) -> int:
    """D, the directions in which conformers differ: rotations are among them."""
    return len(statistics.offset) * (len(statistics.mapping) - statistics.centred)


def draw_scored(
    model: EnergyModel,
    statistics: Statistics,
    first: int,
    count: int,
    *,
    table: LikelihoodTable,
    seed: int,
    device: str = "cpu",
) -> Scored:
    """The conformers `first`, `first + 1`, ... of a seed, which do not depend on the others.

    Args:
        model: on the device.
        statistics: of its molecule.
        first: number of the first.
        count: how many.
        table: how the flow is followed.
        seed: of all random numbers.
        device: where the model runs.

    Raises:
        MolgenError: a score is not finite.
    """
    shape = (count, len(statistics.mapping), len(statistics.offset))
    shapes = as_batch(torch.zeros(shape, device=device))
    found = table.draw(model, shapes, Streams.of(seed, first, count, device))
    return Scored.of(found.batch, found, statistics)


def encode_scored(
    model: EnergyModel,
    statistics: Statistics,
    batch: Batch,
    first: int,
    *,
    table: LikelihoodTable,
    noise: bool,
    seed: int,
) -> Scored:
    """Conformers in the model's units, how likely they are: `first` is the number of the first.

    Args:
        model: on the device of the batch.
        statistics: of its molecule.
        batch: of states.
        first: number of the first, for its random numbers.
        table: how the flow is followed.
        noise: add the smallest noise to them before.
        seed: of all random numbers.

    Raises:
        MolgenError: a score is not finite.
    """
    streams = Streams.of(seed, first, batch.graphs, batch.state["pos"].device)
    if noise:
        batch = noised(model.processes, batch, streams)
    return Scored.of(batch, table.encode(model, batch, streams), statistics)


def states_of(path: Path, statistics: Statistics, count: int | None = None) -> Batch:
    """The frames of a trajectory of the beads, in the model's units; the first `count`.

    Raises:
        UsageError: it cannot be read, or has other beads.
    """
    x = read_trajectory(path, statistics.mapping)[:count]
    return as_batch(statistics.normalise(torch.from_numpy(np.ascontiguousarray(x))))


def subjects(
    trained: TrainedConformers,
    file: Path | None,
    *,
    count: int,
    noise: bool,
    table: LikelihoodTable,
    seed: int,
    device: str,
) -> Subjects:
    """Reference frames, or those of a trajectory of the model's beads.

    Raises:
        UsageError: there are none, or they cannot be read.
    """
    statistics, model = trained.statistics, trained.model.to(device)
    if file is None:
        states = trained.data(count, seed=seed)
    else:
        states = states_of(file, statistics, count)
    process = model.processes["pos"]
    smallest = process.noise(torch.tensor(process.t_min)).item() * statistics.scale

    dims = dims_of(statistics)

    def score(first: int, stop: int) -> Columns:
        some = states.take(torch.arange(first, stop)).to(device)
        found = encode_scored(model, statistics, some, first, table=table, noise=noise, seed=seed)
        return columns(found.log_q.numpy(force=True), found.error.numpy(force=True), dims)

    return Subjects(
        [str(k) for k in range(states.graphs)],
        score,
        {
            "quantity": f"log q, nats, per nm^{dims}",
            "noise_nm": smallest,
            "noise_added": noise,
            "dims": dims,
        },
        AT_ONCE,
    )


def geometry(trained: TrainedConformers) -> Geometry:
    """Root mean squared distance of the beads, of molecules after superposing."""
    statistics = trained.statistics
    cost = squared_rmsds if statistics.centred else squared_distances
    unit = "nm" if statistics.centred else "of length"
    return Geometry(lambda end: statistics.restore(end.state["pos"]), cost, unit)
