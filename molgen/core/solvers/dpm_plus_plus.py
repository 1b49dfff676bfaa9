"""DPM-Solver++: multistep solution in the denoised estimate. Lu et al. 2022b.

A step that is exact while the denoised estimate stays as it is bears longer steps, and steering,
than one in which the noise estimate does.
"""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.core.random import Random
from molgen.core.solvers.levels import fall
from molgen.core.solvers.sde import renewal
from molgen.core.solvers.steps import Score, estimate, steps


def dpm_plus_plus(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: Random = None,
) -> Batch:
    """DPM-Solver++(2M), algorithm 2: of second order, without noise, one evaluation a step."""
    return _walk(processes, score, batch, times, generator, 0.0)


def dpm_plus_plus_sde(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: Random,
    *,
    noise: float = 1.0,
) -> Batch:
    """SDE-DPM-Solver++(2M), appendix E: with all the noise of the reverse SDE, or more.

    Of weak order 1 with a smaller error than `ancestral`, which it is where the denoised estimate
    stays as it is. More than 1 mends, on the way, more of what the network got wrong, and needs
    more steps; see `renewal`.
    """
    return _walk(processes, score, batch, times, generator, noise)


def _walk(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: Random,
    noise: float,
) -> Batch:
    """Steps towards the denoised estimate, carried on by its last change; one evaluation each.

        x_s = m_s [D + k/r_t (x_t/m_t - D)] + m_s n z,    k^2 = r_s^2 - n^2
        D = D_t + (D_t - D_before) h / 2 h_before

    with r = s/m, h the fall of log r and n that of `renewal`. On a curved manifold D_before is
    looked up along the geodesic from x. The last step adds no noise.
    """
    before: dict[str, Tensor] = {}
    falls: dict[str, float] = {}
    for step in steps(times, batch):
        eps = estimate(processes, score, batch, step.t, step)
        origin = torch.zeros_like(step.t)
        new, denoised = {}, {}
        for name, process in processes.items():
            x, rows, manifold = batch.state[name], batch.rows[name], process.manifold
            r_t = process.noise(step.t) / process.signal(step.t)
            y = process.scaled(x, step.t, origin, rows)
            towards = -rows.spread(r_t, eps[name]) * eps[name]
            denoised[name] = manifold.exp(y, towards, rows)
            h = fall(process, step)
            if before:
                change = towards - manifold.log(y, before[name], rows)
                towards = towards + h / (2 * falls[name]) * change
            falls[name] = h
            along, fresh = renewal(process, step, noise)
            v = rows.spread(-along / r_t, towards) * towards
            if noise and not step.last:
                z = manifold.noise(x, rows, generator)
                v = v + rows.spread(fresh, z) * z
            new[name] = manifold.exp(process.scaled(x, step.t, step.s, rows), v, rows)
        before = denoised
        batch = batch.replace(**new)
    return batch
