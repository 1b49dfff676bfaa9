"""Heun's and Adams' solution of the probability-flow ODE: from noise to data without chance.

The ODE of a linear process is dy/dr = eps in y = x/m, r = s/m, with eps = -s(t) score: solved
exactly while eps stays as it is, for any m and s. On a curved manifold the move is along a
geodesic. Between evaluations eps is taken as a polynomial of log r, in which it is smooth.
"""

from __future__ import annotations

from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.core.random import Random
from molgen.core.solvers.levels import Node, mean_estimate
from molgen.core.solvers.steps import Score, Step, estimate, flow, steps


def heun(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: Random = None,
) -> Batch:
    """Second-order steps of the probability-flow ODE; two score evaluations each, one in the last.

    Karras et al. 2022, algorithm 1; with eps linear in log r between the ends of a step, which
    halves the error of its plain mean (Zhang & Chen 2023).
    """
    del generator
    for step in steps(times, batch):
        batch = heun_step(processes, score, batch, step)
    return batch


def heun_step(processes: Processes, score: Score, batch: Batch, step: Step) -> Batch:
    """One of them; of first order where it is the last."""
    first = estimate(processes, score, batch, step.t, step)
    trial = flow(processes, batch, first, step)
    if step.last:
        return trial
    second = estimate(processes, score, trial, step.s, step)
    nodes = [(step.stop, second), (step.start, first)]
    return flow(processes, batch, mean_estimate(processes, nodes, step), step)


def adams(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: Random = None,
    *,
    order: int = 3,
) -> Batch:
    """Multistep solution of the probability-flow ODE: one score evaluation a step.

    Adams-Bashforth to predict, Adams-Moulton to correct, with eps a polynomial of log r through its
    last `order` values (Zhang & Chen 2023, Zhao et al. 2023): of that order on flat manifolds, of
    second order on curved ones. Takes as many evaluations as steps.
    """
    del generator
    nodes: list[Node] = []
    for step in steps(times, batch):
        if not nodes:
            nodes = [(step.start, estimate(processes, score, batch, step.t, step))]
        trial = flow(processes, batch, mean_estimate(processes, nodes, step), step)
        if step.last:
            return trial
        nodes = [(step.stop, estimate(processes, score, trial, step.s, step)), *nodes][:order]
        batch = flow(processes, batch, mean_estimate(processes, nodes, step), step)
    return batch
