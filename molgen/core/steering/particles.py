"""Particles: several copies of each sample, which are weighed and chosen among."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.random import Random, uniform
from molgen.core.steering.rewards import SteeringError


@dataclass(frozen=True)
class Steered:
    """Draws that were steered.

    Attributes:
        batch: the particles of all samples, those of one sample after the other.
        t: `[samples * particles]`, the time they are at.
        log_weights: float64 `[samples, particles]`, normalised: of what each stands for.
        rewards: float64 `[samples, particles]`.
        log_normaliser: float64 `[samples]`, estimates of log E[exp(reward)] over the model's draws;
            None for a method that has none.
        ess: float64 `[stages, samples]`, effective particles where they were weighed.
        resampled: `[samples]`, how often each sample's particles were chosen among.
        evaluations: of the score, a sample.
        facts: what else is to be told, as JSON has it.
    """

    batch: Batch
    t: Tensor
    log_weights: Tensor
    rewards: Tensor
    log_normaliser: Tensor | None
    ess: Tensor
    resampled: Tensor
    evaluations: float
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        batch: Batch,
        t: Tensor,
        log_weights: Tensor,
        rewards: Tensor,
        evaluations: float,
        log_normaliser: Tensor | None = None,
    ) -> Self:
        """Draws that were weighed once, at the end.

        Args:
            batch: as above.
            t: as above.
            log_weights: `[samples, particles]`, of any sum.
            rewards: `[samples * particles]`.
            evaluations: as above.
            log_normaliser: as above.
        """
        log_weights = log_weights.double().cpu().log_softmax(1)
        return cls(
            batch,
            t,
            log_weights,
            rewards.double().cpu().reshape(log_weights.shape),
            log_normaliser,
            effective(log_weights)[None],
            torch.zeros(len(log_weights)),
            evaluations,
        )

    @property
    def particles(self) -> int:
        """Of each sample."""
        return self.log_weights.shape[1]

    def pick(self, count: int, generator: Random) -> tuple[Batch, Tensor, Tensor]:
        """`count` draws of each sample by weight, their times and rewards, sample by sample.

        Systematic: a particle of weight w is taken floor or ceil(count w) times.
        """
        u = uniform(len(self.log_weights), generator)
        index = flat(systematic(self.log_weights, u, count), self.particles)
        there = index.to(self.t.device)
        return self.batch.take(there), self.t[there], self.rewards.flatten()[index]


def named(batch: Batch) -> Batch:
    """The batch with a name for each graph, if it has none: its number."""
    if batch.ids:
        return batch
    return dataclasses.replace(batch, ids=tuple(str(k) for k in range(batch.graphs)))


def copied(batch: Batch, particles: int) -> Batch:
    """So many particles of each graph, one graph's after the other's."""
    device = next(iter(batch.state.values())).device
    return batch.take(torch.arange(batch.graphs, device=device).repeat_interleave(particles))


def flat(index: Tensor, particles: int) -> Tensor:
    """Places within each sample, int64 `[samples, k]`, as places among all: `[samples * k]`."""
    first = particles * torch.arange(len(index), device=index.device)
    return (first[:, None] + index).flatten()


def effective(log_weights: Tensor) -> Tensor:
    """The effective number of particles, (sum w)^2 / sum w^2: `[samples, n]` -> `[samples]`.

    Kish 1965. Zero where no particle has any weight.
    """
    w = log_weights - log_weights.amax(1, keepdim=True).clamp_min(
        torch.finfo(log_weights.dtype).min
    )
    return w.exp().sum(1).square() / w.mul(2).exp().sum(1).clamp_min(
        torch.finfo(log_weights.dtype).tiny
    )


def log_mean(log_weights: Tensor) -> Tensor:
    """log of the mean weight: `[samples, n]` -> `[samples]`."""
    return log_weights.logsumexp(1) - math.log(log_weights.shape[1])


def systematic(log_weights: Tensor, u: Tensor, count: int) -> Tensor:
    """Places of `count` particles drawn by weight: int64 `[samples, count]`, not decreasing.

    The points (u + k) / count go through the cumulative weights with one uniform number a sample,
    of which every draw has the right marginal law. Kitagawa 1996.

    Args:
        log_weights: `[samples, n]`, not all -inf in any sample.
        u: `[samples]`, between 0 and 1.
        count: of draws.
    """
    share = log_weights.double().softmax(1).cumsum(1)
    points = (u[:, None].to(share) + torch.arange(count).to(share)) / count
    # the sum may be short of 1 by rounding; the last particle with weight is the last to be drawn
    points = points.minimum(share[:, -1:] * (1 - 1e-12))
    return torch.searchsorted(share, points, right=True)


def require_weight(log_weights: Tensor, ids: Sequence[str], step: int, t: float) -> None:
    """Refuse samples that no particle is left of.

    Args:
        log_weights: `[samples, n]`.
        ids: names of the particles, one sample's after the other's.
        step: number of steps taken.
        t: the time they reached.

    Raises:
        SteeringError: naming the first.
    """
    lost = (log_weights == -torch.inf).all(1)
    if lost.any():
        n = log_weights.shape[1]
        raise SteeringError(
            f"sample {ids[int(lost.nonzero()[0]) * n]}, step {step}, t = {t:.4g}: zero effective "
            f"particles: none of {n} has any weight; take more particles, or a reward that is not "
            "-inf for all"
        )
