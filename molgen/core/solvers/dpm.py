"""DPM-Solver: single steps of the flow that hold several evaluations. Lu et al. 2022.

With lambda = log(m/s), h its growth in a step and r_i the share of h that lies before an inner
time. The inner times are those of the first field; a field whose noise grows otherwise has them at
other r_i, and is solved with those.
"""

from __future__ import annotations

import math

from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.core.random import Random
from molgen.core.solvers.levels import fall, share, time_at
from molgen.core.solvers.steps import Score, estimate, flow, steps


def dpm2(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: Random = None,
) -> Batch:
    """Second-order steps of the probability-flow ODE, two evaluations each.

        x_s = m_s/m_t x - s_s (e^h - 1) [eps + (eps_1 - eps) / 2 r_1],    r_1 = 1/2

    with eps_1 half way. Lu et al. 2022, algorithms 1 and 4.
    """
    del generator
    for step in steps(times, batch):
        eps = estimate(processes, score, batch, step.t, step)
        half = step.ended(time_at(processes, step, 0.5))
        trial = flow(processes, batch, eps, half)
        middle = estimate(processes, score, trial, half.s, step)
        mean = {}
        for name, process in processes.items():
            part = share(process, step, half.stop)
            mean[name] = eps[name] + (middle[name] - eps[name]) / (2 * part)
        batch = flow(processes, batch, mean, step)
    return batch


def dpm3(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: Random = None,
) -> Batch:
    """Third-order steps of the probability-flow ODE, three evaluations each.

        eps_1 at r_1 = 1/3,    eps_2 at r_2 = 2/3 with eps + (r_2/r_1) c(r_2 h) (eps_1 - eps)
        x_s = m_s/m_t x - s_s (e^h - 1) [eps + c(h)/r_2 (eps_2 - eps)]
        c(h) = 1/h - 1/(e^h - 1)

    Lu et al. 2022, algorithms 2 and 5. Of second order on curved manifolds, and in fields whose
    noise grows otherwise than that of the first.
    """
    del generator
    for step in steps(times, batch):
        eps = estimate(processes, score, batch, step.t, step)
        third, two_thirds = (step.ended(time_at(processes, step, k / 3)) for k in (1, 2))
        trial = flow(processes, batch, eps, third)
        first = estimate(processes, score, trial, third.s, step)
        bent, mean = {}, {}
        for name, process in processes.items():
            ratio = 1 / share(process, two_thirds, third.stop)
            weight = ratio * _centre(fall(process, two_thirds))
            bent[name] = eps[name] + weight * (first[name] - eps[name])
        trial = flow(processes, batch, bent, two_thirds)
        second = estimate(processes, score, trial, two_thirds.s, step)
        for name, process in processes.items():
            weight = _centre(fall(process, step)) / share(process, step, two_thirds.stop)
            mean[name] = eps[name] + weight * (second[name] - eps[name])
        batch = flow(processes, batch, mean, step)
    return batch


def _centre(h: float) -> float:
    """Mean of u over [0, 1] weighted by e^(-h u), the weight of s/m in a step."""
    return 1 / h - 1 / math.expm1(h)
