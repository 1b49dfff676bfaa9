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
from molgen.core.solvers.steps import Score, estimate, steps


def dpm_plus_plus(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: Random = None,
    *,
    noise: float = 0.0,
) -> Batch:
    """Steps towards the denoised estimate, carried on by its last change; one evaluation each.

        x_s = m_s [D + k/r_t (x_t/m_t - D)] + m_s n z,    n = noise r_s sqrt(1 - r_s^2 / r_t^2)
        D = D_t + (D_t - D_before) h / 2 h_before,        k^2 = r_s^2 - n^2

    with r = s/m and h the fall of log r. `noise = 0` is DPM-Solver++(2M) (algorithm 2), of second
    order; `noise = 1` is SDE-DPM-Solver++(2M) (appendix E), of weak order 1 with a smaller error
    than `ancestral`, which it is where D stays as it is. On a curved manifold D_before is looked up
    along the geodesic from x. The last step adds no noise.
    """
    before: dict[str, Tensor] = {}
    falls: dict[str, float] = {}
    for step in steps(times, batch):
        eps = estimate(processes, score, batch, step.t, step)
        origin = torch.zeros_like(step.t)
        new, denoised = {}, {}
        for name, process in processes.items():
            x, rows, manifold = batch.state[name], batch.rows[name], process.manifold
            m, r_t, r_s = (
                process.signal(step.s),
                process.noise(step.t) / process.signal(step.t),
                process.noise(step.s) / process.signal(step.s),
            )
            y = process.scaled(x, step.t, origin, rows)
            towards = -rows.spread(r_t, eps[name]) * eps[name]
            denoised[name] = manifold.exp(y, towards, rows)
            h = fall(process, step)
            if before:
                change = towards - manifold.log(y, before[name], rows)
                towards = towards + h / (2 * falls[name]) * change
            falls[name] = h
            fresh = noise * r_s * torch.sqrt(1 - (r_s / r_t).square())
            kept = torch.sqrt(r_s.square() - fresh.square())
            v = rows.spread(m * (1 - kept / r_t), towards) * towards
            if noise and not step.last:
                z = manifold.noise(x, rows, generator)
                v = v + rows.spread(m * fresh, z) * z
            new[name] = manifold.exp(process.scaled(x, step.t, step.s, rows), v, rows)
        before = denoised
        batch = batch.replace(**new)
    return batch


def dpm_plus_plus_sde(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: Random,
) -> Batch:
    """`dpm_plus_plus` with all the noise of the reverse SDE."""
    return dpm_plus_plus(processes, score, batch, times, generator, noise=1.0)
