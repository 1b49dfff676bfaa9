"""Solvers of the probability-flow ODE: from noise to data without chance on the way."""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.core.random import Random
from molgen.core.solvers.steps import Score, Step, finite, flow, noise_estimate, steps


def heun(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: Random = None,
) -> Batch:
    """Second-order steps of the probability-flow ODE; two score evaluations each, one in the last.

    The ODE of a linear process is dy/dr = eps in y = x/m, r = s/m, with eps = -s(t) score: solved
    exactly while eps stays as it is (Karras et al. 2022, algorithm 1 without churn, for any m and
    s); on a curved manifold the move is along a geodesic. Between the ends of a step eps is taken
    as linear in log r, which halves the error of its plain mean (Zhang & Chen 2023).
    """
    del generator
    for step in steps(times, batch):
        first = noise_estimate(processes, finite(score(batch, step.t), step), batch, step.t)
        trial = flow(processes, batch, first, step)
        if step.last:
            return trial
        second = noise_estimate(processes, finite(score(trial, step.s), step), trial, step.s)
        nodes = [(step.stop, second), (step.start, first)]
        batch = flow(processes, batch, _mean_estimate(processes, nodes, step), step)
    return batch


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

    Adams-Bashforth to predict, Adams-Moulton to correct, with eps a polynomial of log(s/m) through
    its last `order` values (Zhang & Chen 2023, Zhao et al. 2023): of that order on flat manifolds,
    of second order on curved ones. Takes as many evaluations as steps.
    """
    del generator
    nodes: list[tuple[float, dict[str, Tensor]]] = []
    for step in steps(times, batch):
        if not nodes:
            scores = finite(score(batch, step.t), step)
            nodes = [(step.start, noise_estimate(processes, scores, batch, step.t))]
        trial = flow(processes, batch, _mean_estimate(processes, nodes, step), step)
        if step.last:
            return trial
        scores = finite(score(trial, step.s), step)
        nodes = [(step.stop, noise_estimate(processes, scores, trial, step.s)), *nodes][:order]
        batch = flow(processes, batch, _mean_estimate(processes, nodes, step), step)
    return batch


def _mean_estimate(
    processes: Processes, nodes: list[tuple[float, dict[str, Tensor]]], step: Step
) -> dict[str, Tensor]:
    """Mean of eps over s/m from t to s, eps the polynomial of log(s/m) through its nodes."""
    if len(nodes) == 1:
        return nodes[0][1]
    times = torch.tensor([step.stop, step.start, *(t for t, _ in nodes)], dtype=torch.float64)
    mean = {}
    for name, process in processes.items():
        level = torch.log(process.noise(times) / process.signal(times))
        weights = _mean_weights(level - level[0])
        mean[name] = sum(
            (w * eps[name] for w, (_, eps) in zip(weights[1:], nodes[1:], strict=True)),
            weights[0] * nodes[0][1][name],
        )
    return mean


def _mean_weights(u: Tensor) -> list[float]:
    """Weights w_k with sum_k w_k p(u_k) = int p(u) e^u du / int e^u du for polynomials p.

    Args:
        u: float64; the ends 0 and u_1 of the integrals, then the nodes u_k.
    """
    length, v = u[1], u[2:] / u[1]
    k = torch.arange(80, dtype=torch.float64)
    terms = torch.exp(k * length.log() - torch.lgamma(k + 1))
    power = torch.arange(len(v), dtype=torch.float64)
    moments = (terms / (power[:, None] + k + 1)).sum(1)  # int_0^1 v^j e^(length v) dv
    weights: list[float] = torch.linalg.solve(v ** power[:, None], moments / moments[0]).tolist()
    return weights
