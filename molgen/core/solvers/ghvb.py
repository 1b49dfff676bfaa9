"""Generalised heavy ball: a multistep method of averaged slopes. Wizadwongsa et al. 2023."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.core.random import Random
from molgen.core.solvers.levels import combined, levels, mean_powers
from molgen.core.solvers.steps import Score, estimate, flow, steps


def ghvb(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: Random = None,
    *,
    order: int = 2,
    beta: float = 0.8,
) -> Batch:
    """Steps of the flow along averages of the noise estimate; one evaluation each.

        v <- (1 - beta) v + beta eps,    x_s = x_t along a_0 v + a_1 v_before + ...

    The a make a step exact where eps is a polynomial of log(s/m) of a degree below `order`; on long
    walks of equal small steps they are those of Wizadwongsa et al. 2023, eqs. 16-17, such as
    (2 + beta) / 2 beta and -(2 - beta) / 2 beta for order 2. `beta = 1` is Adams and Bashforth's
    method; less of it bears longer steps before errors grow, at a larger error of the same order
    (theirs: "GHVB 1.8" is order 2, beta 0.8). Of second order at most on curved manifolds.
    """
    del generator
    taken: list[float] = []
    averages: list[_Average] = []
    for step in steps(times, batch):
        eps = estimate(processes, score, batch, step.t, step)
        taken.append(step.start)
        averages = [_Average.of(eps, len(taken), averages[:1], beta), *averages][:order]
        mean = {}
        for name, process in processes.items():
            u = levels(process, (step.stop, step.start, *taken))
            shares = torch.stack([average.shares(len(taken)) for average in averages])
            weights = average_weights(u, shares)
            mean[name] = combined(weights, [average.eps[name] for average in averages])
        batch = flow(processes, batch, mean, step)
    return batch


@dataclass(frozen=True)
class _Average:
    """An average of all noise estimates so far.

    Attributes:
        eps: of each field.
        made_of: float64 `[estimates]`, the weight of each of them.
    """

    eps: dict[str, Tensor]
    made_of: Tensor

    @classmethod
    def of(cls, eps: dict[str, Tensor], count: int, before: list[_Average], beta: float) -> Self:
        """v <- (1 - beta) v + beta eps with the newest of `count` estimates; the first as it is."""
        newest = torch.nn.functional.one_hot(torch.tensor(count - 1), count).double()
        for one in before:
            eps = {name: torch.lerp(one.eps[name], value, beta) for name, value in eps.items()}
            newest = torch.lerp(one.shares(count), newest, beta)
        return cls(eps, newest)

    def shares(self, count: int) -> Tensor:
        """The weights of `count` estimates, of which the last came later."""
        return torch.nn.functional.pad(self.made_of, (0, count - len(self.made_of)))


def average_weights(u: Tensor, shares: Tensor) -> list[float]:
    """Weights of averages in the mean over s/m in a step, exact for polynomials of u = log(s/m).

    Args:
        u: float64; at the step's end, at its start, then `[estimates]` where they were taken.
        shares: float64 `[averages, estimates]`, what each average is made of.
    """
    v = (u[2:] - u[0]) / (u[1] - u[0])
    power = torch.arange(len(shares), dtype=torch.float64)
    means = mean_powers(float(u[1] - u[0]), len(shares))
    weights: list[float] = torch.linalg.solve(v ** power[:, None] @ shares.T, means).tolist()
    return weights
