"""Heun's steps with churn: some noise is put back before each. Karras et al. 2022."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.core.random import Random
from molgen.core.solvers.ode import heun_step
from molgen.core.solvers.steps import Score, Step, steps


def edm(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: Random,
    *,
    churn: float = 4.0,
    low: float = 0.05,
    high: float = 10.0,
) -> Batch:
    """Steps of `heun`, each after s/m was raised by 1 + gamma: two evaluations, one in the last.

        gamma = min(churn / steps, sqrt(2) - 1)    where low < s/m < high, else 0

    Karras et al. 2022, algorithm 2 (S_churn, S_min and S_max; S_noise is 1). Fresh noise mends what
    earlier steps did wrong, each step having more to do. Without churn this is `heun`.

    Args:
        processes: of each field.
        score: of a model.
        batch: at `times[0]`.
        times: decreasing.
        generator: source of randomness.
        churn: how much noise all steps together put back.
        low: smallest s/m of the first field at which noise is put back, in units of its data_std.
        high: largest.
    """
    first = next(iter(processes.values()))
    gamma = min(churn / (len(times) - 1), math.sqrt(2) - 1)
    for step in steps(times, batch):
        t = torch.tensor([step.start, 1.0], dtype=torch.float64)
        ratio, most = first.noise(t) / first.signal(t)
        if gamma and low < ratio / first.data_std < high:
            raised = step.begun(float(first.time_of(torch.minimum((1 + gamma) * ratio, most))))
            batch = _noised(processes, batch, step, raised, generator)
            step = raised
        batch = heun_step(processes, score, batch, step)
    return batch


def _noised(
    processes: Processes, batch: Batch, step: Step, raised: Step, generator: Random
) -> Batch:
    """The batch at the start of the raised step: m sqrt(r_T^2 - r_t^2) noise more, r = s/m."""
    new = {}
    for name, process in processes.items():
        rows, m = batch.rows[name], process.signal(raised.t)
        before, after = (process.noise(t) / process.signal(t) for t in (step.t, raised.t))
        x = process.scaled(batch.state[name], step.t, raised.t, rows)
        z = process.manifold.noise(x, rows, generator)
        size = m * torch.sqrt((after.square() - before.square()).clamp_min(0))
        new[name] = process.manifold.exp(x, rows.spread(size, z) * z, rows)
    return batch.replace(**new)
