r"""Weighted particles carried from noise to data, and chosen among where their weights differ.

Sequential Monte Carlo (Doucet, de Freitas & Gordon 2001; Del Moral 2004): weights collect what the
weighers add; where the effective number of a sample's particles has fallen below a share of them,
they are drawn anew by weight, and

    log Z += log mean w,    w <- 1

so that log Z estimates the log normaliser: Z itself without bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.random import branch, copies, uniform
from molgen.core.solvers import StepwiseSolver, prior
from molgen.core.steering.draw import Draw
from molgen.core.steering.particles import (
    Steered,
    copied,
    effective,
    flat,
    log_mean,
    named,
    require_weight,
    systematic,
)
from molgen.core.steering.rewards import worth
from molgen.errors import UsageError


@dataclass(frozen=True)
class Move:
    """A step that particles have taken.

    Attributes:
        number: steps taken with it.
        start: `[graphs]`, the time before.
        stop: `[graphs]`, the time after.
        before: the particles before.
        after: and after.
        weighed: whether particles may be chosen among now.
        rewards: `[graphs]`, what the particles are worth in the end; None before the last step.
    """

    number: int
    start: Tensor
    stop: Tensor
    before: Batch
    after: Batch
    weighed: bool
    rewards: Tensor | None


class Weigher(Protocol):
    """What adds to the log weights of particles."""

    def begin(self, batch: Batch, t: Tensor) -> Tensor:
        """Log weights of particles drawn from the prior: `[graphs]`."""
        ...

    def add(self, move: Move) -> Tensor:
        """What a step adds to the log weights: `[graphs]`."""
        ...

    def take(self, graphs: Tensor) -> None:
        """Particles are now copies of these, int64 `[graphs]`."""
        ...


class Moving(Protocol):
    """A score that remembers what it was last asked for, as `denoised.Remembered` does."""

    evaluations: int

    def __call__(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """The score that moves particles."""
        ...

    def take(self, batch: Batch, graphs: Tensor) -> Batch:
        """Some of the particles, with what is known of them."""
        ...


@dataclass(frozen=True)
class Choosing:
    """When particles are chosen among.

    Attributes:
        particles: of each sample.
        every: steps after which they are weighed; always after the last.
        below: share of effective particles below which they are drawn anew; 1: always, 0: never.

    Raises:
        UsageError: a number out of its range.
    """

    particles: int = 64
    every: int = 5
    below: float = 0.5

    def __post_init__(self) -> None:
        if self.particles < 1 or self.every < 1 or not 0 <= self.below <= 1:
            raise UsageError(
                f"steering: particles = {self.particles} and every = {self.every} must be at "
                f"least 1, below = {self.below:g} between 0 and 1"
            )


def walk(
    draw: Draw, solve: StepwiseSolver, score: Moving, weighers: Sequence[Weigher], how: Choosing
) -> Steered:
    """Particles of each sample, weighed from first to last.

    Args:
        draw: what is drawn.
        solve: takes its steps.
        score: moves them.
        weighers: weigh them; weights multiply.
        how: many particles, and when they are chosen among.

    Raises:
        SteeringError: none of a sample's particles has any weight.
        MolgenError: a score is not finite, or a reward cannot be had.
    """
    shapes, times = named(draw.shapes), draw.times.tolist()
    samples, n = shapes.graphs, how.particles
    noise = copies(draw.generator, n)
    batch = prior(draw.processes, copied(shapes, n), noise)
    t = next(iter(batch.state.values())).new_full((batch.graphs,), times[0])
    every = torch.arange(samples, device=t.device)

    def shaped(values: Tensor) -> Tensor:
        return values.double().reshape(samples, n).cpu()

    log_w = shaped(sum((weigher.begin(batch, t) for weigher in weighers), torch.zeros_like(t)))
    log_z, resampled = torch.zeros(samples, dtype=torch.float64), torch.zeros(samples)
    history, rewards = [], torch.zeros_like(t)
    for k in range(draw.steps):
        last = k == draw.steps - 1
        moved = solve(draw.processes, score, batch, draw.times[k : k + 2], noise, ends=last)
        s = torch.full_like(t, times[k + 1])
        if last:
            rewards = worth(draw.reward, draw.ended(moved, s), s, k + 1)
        weighed = last or (k + 1) % how.every == 0
        move = Move(k + 1, t, s, batch, moved, weighed, rewards if last else None)
        log_w = log_w + shaped(
            sum((weigher.add(move) for weigher in weighers), torch.zeros_like(t))
        )
        batch, t = moved, s
        if not weighed:
            continue
        require_weight(log_w, batch.ids, k + 1, times[k + 1])
        history.append(effective(log_w))
        few = (history[-1] < how.below * n) | (how.below == 1)
        if last or not few.any():
            continue
        u = uniform(samples, branch(draw.generator, every, k))
        places = torch.where(few[:, None], systematic(log_w, u, n), torch.arange(n))
        log_z = torch.where(few, log_z + log_mean(log_w), log_z)
        log_w = torch.where(few[:, None], 0.0, log_w)
        resampled += few
        index = flat(places, n).to(t.device)
        batch = score.take(batch, index)
        for weigher in weighers:
            weigher.take(index)
    return Steered(
        batch,
        t,
        log_w.log_softmax(1),
        shaped(rewards),
        log_z + log_mean(log_w),
        torch.stack(history),
        resampled,
        score.evaluations / samples,
    )
