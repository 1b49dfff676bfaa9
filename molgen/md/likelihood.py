r"""Log q of conformers: as they are drawn, and of those of a file or of held-out frames.

A model's states are y = (x - offset) / scale, so that per nm^D of the coordinates

    log q(x) = log q(y) - D log scale,    D = 3 (beads - 1) for molecules, whose centre is free
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch

from molgen.consistency import Geometry
from molgen.core.batch import Batch
from molgen.core.likelihood.density import Density, noised
from molgen.core.likelihood.gap import squared_distances, squared_rmsds
from molgen.core.models import EnergyModel
from molgen.core.random import Streams
from molgen.likelihood import Columns, LikelihoodTable, Subjects, columns
from molgen.md.models.batch import as_batch
from molgen.md.models.statistics import Statistics
from molgen.md.output import read_trajectory
from molgen.md.trained import TrainedConformers

FLOW = LikelihoodTable(steps=24)
"""Of alanine dipeptide, log q is that of 80 steps to 0.01 nats, root mean square."""

AT_ONCE = 500
"""Conformers whose divergence is found together: what fits the cache, and gigabytes of memory."""


def dims_of(statistics: Statistics) -> int:
    """D, the directions in which conformers differ: rotations are among them."""
    return len(statistics.offset) * (len(statistics.mapping) - statistics.centred)


def columns_of(statistics: Statistics, found: Density) -> Columns:
    """What is written of conformers, log q per nm^D."""
    dims = dims_of(statistics)
    return columns(found, dims, dims * math.log(statistics.scale))


def draw_scored(
    model: EnergyModel,
    statistics: Statistics,
    first: int,
    count: int,
    *,
    table: LikelihoodTable,
    seed: int,
    device: str = "cpu",
) -> Density:
    """The conformers `first`, `first + 1`, ... of a seed, which do not depend on the others.

    In the model's units, and so is their log q.

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
    return table.draw(model, shapes, Streams.of(seed, first, count, device))


def encode_scored(
    model: EnergyModel,
    batch: Batch,
    first: int,
    *,
    table: LikelihoodTable,
    noise: bool,
    seed: int,
) -> Density:
    """How likely conformers in the model's units are, by it; `first` is the number of the first.

    Args:
        model: on the device of the batch.
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
    return table.encode(model, batch, streams)


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
        found = encode_scored(model, some, first, table=table, noise=noise, seed=seed)
        return columns_of(statistics, found)

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
