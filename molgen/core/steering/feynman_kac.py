r"""Feynman-Kac steering: particles that promise more are copied on the way. Singhal et al. 2025.

Particles move as the model does, with any solver that has chance in its steps, and are weighed by
potentials of the reward r_k = r(D(x_k)) of the denoised estimate after so many steps:

    difference: r_k - r_{k-1}       max: max_{j <= k} r_j       sum: sum_{j <= k} r_j

in the logarithm (section 3.2). What is weighed last makes the product exp(r(x_0)), whatever was
weighed before, so that particles and weights together stand for q(x) exp(r(x)): exactly, as their
number grows, for any reward, differentiable or not. A reward of -inf on the way ends a particle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.solvers import STEPWISE
from molgen.core.steering.composition import corrections
from molgen.core.steering.denoised import Remembered, denoised, known
from molgen.core.steering.draw import Draw
from molgen.core.steering.particles import Steered
from molgen.core.steering.rewards import worth
from molgen.core.steering.walk import Choosing, Move, walk
from molgen.errors import UsageError

Potential = Callable[[Tensor], Tensor]
"""What the last of some rewards `[weighings, graphs]` adds to the log weights: `[graphs]`."""


def difference(rewards: Tensor) -> Tensor:
    """By how much the reward has grown; the first time, the reward."""
    before = rewards[-2] if len(rewards) > 1 else torch.zeros_like(rewards[-1])
    return torch.where(before == -torch.inf, 0.0, rewards[-1] - before)


def largest(rewards: Tensor) -> Tensor:
    """The largest so far: for rewards that, once reached, are not lost."""
    return rewards.amax(0)


def total(rewards: Tensor) -> Tensor:
    """The sum so far."""
    return rewards.sum(0)


POTENTIALS: Mapping[str, Potential] = {"difference": difference, "max": largest, "sum": total}
"""By name."""


class ByReward:
    """Log weights from a potential of the rewards of denoised estimates.

    Args:
        draw: whose reward.
        score: the model's.
        potential: of the rewards so far.
        caution: power of `known` by which rewards on the way are multiplied.
    """

    def __init__(self, draw: Draw, score: Remembered, potential: Potential, caution: float) -> None:
        self._draw, self._score, self._potential = draw, score, potential
        self._caution = caution
        self._rewards: list[Tensor] = []
        self._added = torch.zeros(())

    def begin(self, batch: Batch, t: Tensor) -> Tensor:
        """Zero: nothing is to be seen in noise."""
        self._added = torch.zeros_like(t)
        return self._added

    def add(self, move: Move) -> Tensor:
        """The potential, where particles are weighed; after the last step what is still missing."""
        if move.rewards is not None:
            missing = move.rewards - self._added
            return torch.where(self._added == -torch.inf, 0.0, missing)  # lost particles stay lost
        if not move.weighed:
            return torch.zeros_like(move.stop)
        draw, batch, t = self._draw, move.after, move.stop
        estimate = denoised(draw.processes, self._score(batch, t), batch, t)
        trust = known(draw.processes, t) ** self._caution
        self._rewards.append(trust * worth(draw.reward, estimate, t, move.number))
        added = self._potential(torch.stack(self._rewards))
        self._added = self._added + added
        return added

    def take(self, graphs: Tensor) -> None:
        """Copies inherit what was added to their originals."""
        self._added = self._added[graphs]
        self._rewards = [rewards[graphs] for rewards in self._rewards]


@dataclass(frozen=True)
class FeynmanKac(Choosing):
    """Feynman-Kac steering.

    Attributes:
        potential: name in `POTENTIALS`.
        caution: rewards on the way are multiplied by this power of the share of the data that is
            `known` by then; 0 trusts them as the paper does. In the end it is all the same.

    Raises:
        UsageError: there is no such potential, or caution is negative.
    """

    solvers: ClassVar[tuple[str, ...]] = tuple(STEPWISE)
    potential: str = "difference"
    caution: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.potential not in POTENTIALS:
            raise UsageError(
                f"steering: no potential '{self.potential}' (there are {', '.join(POTENTIALS)})"
            )
        if self.caution < 0:
            raise UsageError(f"steering: caution = {self.caution:g} must not be negative")

    def __call__(self, draw: Draw) -> Steered:
        """Weighted particles of q(x) exp(reward(x)).

        Raises:
            UsageError: the solver has no chance in its steps.
            SteeringError: none of a sample's particles has any weight.
            MolgenError: a score is not finite, or the reward cannot be had.
        """
        score = Remembered(draw.model.score)
        by_reward = ByReward(draw, score, POTENTIALS[self.potential], self.caution)
        weighers = [*corrections(draw.model), by_reward]
        return walk(draw, draw.stepwise("feynman-kac", self.solvers), score, weighers, self)
