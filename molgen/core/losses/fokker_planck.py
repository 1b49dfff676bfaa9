r"""How far an energy model is from obeying the Fokker-Planck equation of its own noising process.

    R = g^2/2 (div s + |s|^2) - <f, s> - div f - d log q / dt,    s = grad log q,    sum over fields

is zero for the density of noised data, on any manifold (Lai et al. 2023; Plainer et al. 2025, eq.
8). Residuals are returned relative to the size of the terms that must cancel, sum_fields g^2 D /
s(t)^2, so that 1 means "as large as the Laplacian itself" at every time and for every process.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.jacobian import divergences, moved, probes
from molgen.core.models import EnergyModel, Evaluation
from molgen.core.processes import Processes
from molgen.errors import MolgenError


def natural_scale(processes: Processes, batch: Batch, t: Tensor) -> Tensor:
    """sum_fields g^2 D / s^2, the size of the Laplacian of log q at time t: `[graphs]`."""
    terms = [
        process.diffusion(t).square()
        / process.noise(t).square()
        * process.manifold.dim(batch.state[name], batch.rows[name])
        for name, process in processes.items()
    ]
    return torch.stack(terms).sum(0)


def without_laplacian(
    processes: Processes, batch: Batch, t: Tensor, evaluation: Evaluation
) -> Tensor:
    """All of the residual but g^2/2 div s, g^2/2 |s|^2 - <f, s> - div f - d log q / dt: `[graphs]`.

    Raises:
        MolgenError: the evaluation lacks the rate.
    """
    if evaluation.rate is None:
        raise MolgenError("the Fokker-Planck residual needs an evaluation with rate=True")
    total = -evaluation.rate
    for name, process in processes.items():
        x, rows, score = batch.state[name], batch.rows[name], evaluation.score[name]
        inner = process.manifold.inner
        total = (
            total
            + 0.5 * process.diffusion(t).square() * inner(score, score, rows)
            - inner(process.drift(x, t, rows), score, rows)
            - process.drift_divergence(x, t, rows)
        )
    return total


def residual(
    model: EnergyModel,
    batch: Batch,
    t: Tensor,
    *,
    divergence: Literal["exact", "hutchinson"] = "exact",
    count: int = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Relative Fokker-Planck residual at the points of a noised batch: `[graphs]`.

    Args:
        model: the energy model.
        batch: noised points.
        t: `[graphs]`, their times.
        divergence: "exact" sums the Jacobian's diagonal over a frame of the tangent space (for
            small systems); "hutchinson" averages v.Jv over `count` random probes.
        count: number of probes.
        generator: for the probes.
    """
    processes = model.processes
    at = model.evaluate(batch, t, rate=True)
    total = without_laplacian(processes, batch, t, at)
    found = divergences(
        model,
        processes,
        batch,
        t,
        probed=0 if divergence == "exact" else count,
        generator=generator,
    )
    for name, process in processes.items():
        total = total + 0.5 * process.diffusion(t).square() * found[name]
    return total / natural_scale(processes, batch, t)


def weak_residuals(
    model: EnergyModel,
    batch: Batch,
    t: Tensor,
    *,
    step: float = 0.03,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Two independent one-probe estimates of the relative residual: `[graphs]` each.

    Their product is an unbiased estimate of the squared residual (Plainer et al. 2025, section
    3.3). The divergence is a central difference of the score over a probe of `step` times the noise
    in each direction, the other terms are the mean of the two ends, so one batched first-order
    evaluation of the model at four points a graph is all it costs; the error is of second order in
    `step`.

    Args:
        model: the energy model.
        batch: noised points.
        t: `[graphs]`, their times.
        step: length of the probes relative to the smallest noise of any field.
        generator: for the probes.
    """
    processes = model.processes
    index = torch.arange(batch.graphs, device=t.device)
    twice = batch.take(index.repeat(2))
    v = probes(processes, twice, generator)
    h = step * torch.stack([p.noise(t) for p in processes.values()]).amin(0).repeat(2)
    four = twice.take(torch.arange(2 * batch.graphs, device=t.device).repeat(2))
    t4 = t.repeat(4)
    v4 = {name: torch.cat([value, value]) for name, value in v.items()}
    ends = moved(processes, four, v4, torch.cat([h, -h]))
    at = model.evaluate(ends, t4, rate=True)
    total = without_laplacian(processes, ends, t4, at).reshape(2, -1).mean(0)
    for name, process in processes.items():
        slopes = process.manifold.inner(at.score[name], v4[name], four.rows[name]).reshape(2, -1)
        half_g2 = 0.5 * process.diffusion(t).square().repeat(2)
        total = total + half_g2 * (slopes[0] - slopes[1]) / (2 * h)
    total = total / natural_scale(processes, batch, t).repeat(2)
    first, second = total.chunk(2)
    return first, second
