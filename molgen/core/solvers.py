"""From noise to data: reverse-time solvers over every field at once.

All take `(processes, score, batch, times, generator)`: `times` decrease from 1 to t_min and are
shared by the graphs; `score(batch, t)` is a model's `score`. Nothing here knows which manifold or
which pillar it serves.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.errors import MolgenError

Score = Callable[[Batch, Tensor], dict[str, Tensor]]


class Solver(Protocol):
    """A reverse-time integrator."""

    def __call__(
        self,
        processes: Processes,
        score: Score,
        batch: Batch,
        times: Tensor,
        generator: torch.Generator | None,
    ) -> Batch:
        """The batch carried from `times[0]` to `times[-1]`."""
        ...


def prior(processes: Processes, batch: Batch, generator: torch.Generator | None) -> Batch:
    """A draw of the prior of every field, shaped as `batch`."""
    return batch.replace(
        **{
            name: process.prior(batch.state[name], batch.rows[name], generator)
            for name, process in processes.items()
        }
    )


def euler_maruyama(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: torch.Generator | None,
    *,
    noise: float = 1.0,
) -> Batch:
    """Euler-Maruyama steps of dx = [f - (1 + noise^2)/2 g^2 s] dt + noise g dW, backwards.

    `noise = 1` is the reverse SDE, `noise = 0` the probability-flow ODE (Song et al. 2021, eqs. 6
    and 13). Weak order 1. The last step adds no noise.
    """
    for step in _steps(times, batch):
        scores = _finite(score(batch, step.t), step)
        batch = _reverse_step(processes, scores, batch, step, noise, generator)
    return batch


def heun(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: torch.Generator | None = None,
) -> Batch:
    """Second-order steps of the probability-flow ODE; two score evaluations each, one in the last.

    The ODE of a linear process is dy/dr = eps in y = x/m, r = s/m, with eps = -s(t) score: solved
    exactly while eps stays as it is (Karras et al. 2022, algorithm 1 without churn, for any m and
    s); on a curved manifold the move is along a geodesic. Between the ends of a step eps is taken
    as linear in log r, which halves the error of its plain mean (Zhang & Chen 2023).
    """
    del generator
    for step in _steps(times, batch):
        first = _noise_estimate(processes, _finite(score(batch, step.t), step), batch, step.t)
        trial = _flow(processes, batch, first, step)
        if step.last:
            return trial
        second = _noise_estimate(processes, _finite(score(trial, step.s), step), trial, step.s)
        nodes = [(step.stop, second), (step.start, first)]
        batch = _flow(processes, batch, _mean_estimate(processes, nodes, step), step)
    return batch


def adams(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: torch.Generator | None = None,
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
    for step in _steps(times, batch):
        if not nodes:
            scores = _finite(score(batch, step.t), step)
            nodes = [(step.start, _noise_estimate(processes, scores, batch, step.t))]
        trial = _flow(processes, batch, _mean_estimate(processes, nodes, step), step)
        if step.last:
            return trial
        scores = _finite(score(trial, step.s), step)
        nodes = [(step.stop, _noise_estimate(processes, scores, trial, step.s)), *nodes][:order]
        batch = _flow(processes, batch, _mean_estimate(processes, nodes, step), step)
    return batch


def predictor_corrector(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: torch.Generator | None,
    *,
    corrections: int = 1,
    signal_to_noise: float = 0.16,
) -> Batch:
    """A reverse-SDE predictor, then Langevin corrections. Song et al. 2021, algorithms 2-5.

    The last step is not corrected: correcting would put back the noise it took out.
    """
    for step in _steps(times, batch):
        scores = _finite(score(batch, step.t), step)
        batch = _reverse_step(processes, scores, batch, step, 1.0, generator)
        for _ in range(0 if step.last else corrections):
            scores = _finite(score(batch, step.s), step)
            batch = _langevin_correction(
                processes, scores, batch, step.s, signal_to_noise, generator
            )
    return batch


def _langevin_correction(
    processes: Processes,
    scores: dict[str, Tensor],
    batch: Batch,
    t: Tensor,
    signal_to_noise: float,
    generator: torch.Generator | None,
) -> Batch:
    """One Langevin step x <- exp(x, h s + sqrt(2 h) z) with h = 2 (snr s(t))^2.

    Song et al. take |z| / |s| over the batch where s(t) stands here. A step that depends on the
    batch couples samples, and one that depends on the point itself does not leave the density
    invariant (in 12 dimensions it adds a third to the variance of a Gaussian); the noise level is
    the same scale without either fault.
    """
    new = {}
    for name, process in processes.items():
        x, rows, manifold = batch.state[name], batch.rows[name], process.manifold
        z = manifold.noise(x, rows, generator)
        h = rows.spread(2 * (signal_to_noise * process.noise(t)).square(), z)
        new[name] = manifold.exp(x, h * scores[name] + (2 * h).sqrt() * z, rows)
    return batch.replace(**new)


@dataclass(frozen=True)
class _Step:
    """One step from time `start` down to `stop`; t and s are they as `[graphs]` tensors."""

    number: int
    start: float
    stop: float
    t: Tensor
    s: Tensor
    last: bool


def _steps(times: Tensor, batch: Batch) -> Iterator[_Step]:
    like = next(iter(batch.state.values()))
    values = times.tolist()
    for i, (start, stop) in enumerate(itertools.pairwise(values)):
        if not stop < start:
            raise MolgenError(f"solver times must decrease, but {stop:.6g} follows {start:.6g}")
        t, s = (like.new_full((batch.graphs,), time) for time in (start, stop))
        yield _Step(i, start, stop, t, s, i == len(values) - 2)


def _reverse_step(
    processes: Processes,
    scores: dict[str, Tensor],
    batch: Batch,
    step: _Step,
    noise: float,
    generator: torch.Generator | None,
) -> Batch:
    new = {}
    for name, process in processes.items():
        x, rows, score = batch.state[name], batch.rows[name], scores[name]
        g2 = process.diffusion(step.t).square()
        reverse = rows.spread(0.5 * (1 + noise**2) * g2, score) * score
        drift = process.drift(x, step.t, rows)
        v = (reverse - drift) * rows.spread(step.t - step.s, score)
        if noise and not step.last:
            spread = noise * torch.sqrt(g2 * (step.t - step.s))
            v = v + rows.spread(spread, score) * process.manifold.noise(x, rows, generator)
        new[name] = process.manifold.exp(x, v, rows)
    return batch.replace(**new)


def _noise_estimate(
    processes: Processes, scores: dict[str, Tensor], batch: Batch, t: Tensor
) -> dict[str, Tensor]:
    """The noise that the score says is in x_t, eps = -s(t) score, of each field."""
    return {
        name: -batch.rows[name].spread(process.noise(t), scores[name]) * scores[name]
        for name, process in processes.items()
    }


def _flow(processes: Processes, batch: Batch, eps: dict[str, Tensor], step: _Step) -> Batch:
    """The flow from t to s with eps as it is: x_s = m_s/m_t x + (s_s - m_s/m_t s_t) eps."""
    new = {}
    for name, process in processes.items():
        rows = batch.rows[name]
        ratio = process.signal(step.s) / process.signal(step.t)
        move = process.noise(step.s) - ratio * process.noise(step.t)
        x = process.scaled(batch.state[name], step.t, step.s, rows)
        new[name] = process.manifold.exp(x, rows.spread(move, eps[name]) * eps[name], rows)
    return batch.replace(**new)


def _mean_estimate(
    processes: Processes, nodes: list[tuple[float, dict[str, Tensor]]], step: _Step
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


def _finite(scores: dict[str, Tensor], step: _Step) -> dict[str, Tensor]:
    for name, value in scores.items():
        if not torch.isfinite(value).all():
            raise MolgenError(
                f"sampling step {step.number}, t = {step.start:.4g}: the score of field '{name}' "
                "is not finite; check the checkpoint or take more steps"
            )
    return scores


SOLVERS: dict[str, Solver] = {
    "euler_maruyama": euler_maruyama,
    "heun": heun,
    "adams": adams,
    "predictor_corrector": predictor_corrector,
}
"""Solvers by name."""
