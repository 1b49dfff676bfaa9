"""PNDM: a linear multistep method on the manifold of noised data. Liu et al. 2022."""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.core.random import Random
from molgen.core.solvers.levels import Node, combined, weights_of
from molgen.core.solvers.steps import Score, Step, estimate, flow, steps

_KEPT = 4
"""Noise estimates that a step is made of."""


def pndm(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: Random = None,
) -> Batch:
    """Steps of the flow with the mean of a cubic through the last four noise estimates.

        eps = (55 eps_t - 59 eps_-1 + 37 eps_-2 - 9 eps_-3) / 24

    where times are equally spaced (Liu et al. 2022, eq. 12), and the same mean over time where not;
    of second order, as the flow along each eps is (their theorem 3.1). One evaluation a step, after
    three of Runge-Kutta's with four evaluations each (eq. 13).
    """
    del generator
    nodes: list[Node] = []
    for step in steps(times, batch):
        eps = estimate(processes, score, batch, step.t, step)
        nodes = [(step.start, eps), *nodes][:_KEPT]
        if len(nodes) < _KEPT:
            mean = _runge_kutta(processes, score, batch, eps, step)
        else:
            weights = multistep_weights([time for time, _ in nodes], step.stop)
            mean = {name: combined(weights, [eps[name] for _, eps in nodes]) for name in processes}
        batch = flow(processes, batch, mean, step)
    return batch


def multistep_weights(times: list[float], stop: float) -> list[float]:
    """Weights of values at `times` in the mean from the first of them to `stop` of a polynomial."""
    t = torch.tensor(times, dtype=torch.float64)
    means = 1 / torch.arange(1, len(times) + 1, dtype=torch.float64)
    return weights_of((t - t[0]) / (stop - t[0]), means)


def _runge_kutta(
    processes: Processes, score: Score, batch: Batch, first: dict[str, Tensor], step: Step
) -> dict[str, Tensor]:
    """(eps_1 + 2 eps_2 + 2 eps_3 + eps_4) / 6, as in the classical method."""
    half = step.ended(0.5 * (step.start + step.stop))
    found = [first]
    for part in (half, half, step):
        trial = flow(processes, batch, found[-1], part)
        found.append(estimate(processes, score, trial, part.s, step))
    weights = (1 / 6, 1 / 3, 1 / 3, 1 / 6)
    return {name: combined(weights, [eps[name] for eps in found]) for name in processes}
