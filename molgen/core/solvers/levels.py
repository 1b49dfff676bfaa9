"""The noise level log(s/m) in which the flow is smooth: where times lie in it, means over it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from molgen.core.processes import Processes
from molgen.core.processes.process import Process
from molgen.core.solvers.steps import Step

Node = tuple[float, dict[str, Tensor]]
"""A time, and the noise estimate of each field there."""


def levels(process: Process, times: Sequence[float]) -> Tensor:
    """log(s/m) at some times, float64 `[times]`."""
    t = torch.tensor(times, dtype=torch.float64)
    return torch.log(process.noise(t) / process.signal(t))


def fall(process: Process, step: Step) -> float:
    """How far log(s/m) falls in a step, h: positive."""
    start, stop = levels(process, (step.start, step.stop)).tolist()
    return float(start - stop)


def share(process: Process, step: Step, time: float) -> float:
    """How much of a step's h lies before a time: 0 at its start, 1 at its end."""
    start, middle, stop = levels(process, (step.start, time, step.stop)).tolist()
    return float((start - middle) / (start - stop))


def time_at(processes: Processes, step: Step, part: float) -> float:
    """The time before which such a part of a step's h lies, for the first of the fields."""
    process = next(iter(processes.values()))
    start, stop = levels(process, (step.start, step.stop))
    return float(process.time_of(torch.exp(start + part * (stop - start))))


def mean_estimate(processes: Processes, nodes: Sequence[Node], step: Step) -> dict[str, Tensor]:
    """Mean of eps over s/m from t to s, eps the polynomial of log(s/m) through its nodes."""
    if len(nodes) == 1:
        return nodes[0][1]
    mean = {}
    for name, process in processes.items():
        u = levels(process, (step.stop, step.start, *(time for time, _ in nodes)))
        u = u - u[0]
        weights = weights_of(u[2:] / u[1], mean_powers(float(u[1]), len(nodes)))
        mean[name] = combined(weights, [eps[name] for _, eps in nodes])
    return mean


def mean_powers(length: float, count: int) -> Tensor:
    """Means of v^j, j = 0, ..., over v in [0, 1] weighted by e^(length v): float64 `[count]`."""
    k = torch.arange(80, dtype=torch.float64)
    terms = torch.exp(k * math.log(length) - torch.lgamma(k + 1))
    power = torch.arange(count, dtype=torch.float64)
    moments = (terms / (power[:, None] + k + 1)).sum(1)
    return moments / moments[0]


def weights_of(nodes: Tensor, means: Tensor) -> list[float]:
    """Weights w_k with sum_k w_k nodes_k^j = means_j: both float64 `[count]`."""
    power = torch.arange(len(nodes), dtype=torch.float64)
    weights: list[float] = torch.linalg.solve(nodes ** power[:, None], means).tolist()
    return weights


def combined(weights: Sequence[float], values: Sequence[Tensor]) -> Tensor:
    """sum_k w_k x_k."""
    total = weights[0] * values[0]
    for weight, value in zip(weights[1:], values[1:], strict=True):
        total = total + weight * value
    return total
