r"""Guidance by a differentiable reward of what the noised state is expected to have been.

    grad log q(x, t) + strength grad U(x, t),    U(x, t) = reward(D(x, t))

(diffusion posterior sampling, Chung et al. 2023, where the reward is a log likelihood). The reward
of an expectation is not what is expected of the reward, so draws are near those of q exp(reward),
not of it: `ensemble` weighs them right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.solvers import SOLVERS, prior
from molgen.core.steering.denoised import denoised, known
from molgen.core.steering.draw import Draw
from molgen.core.steering.guidance import ascent
from molgen.core.steering.particles import Steered, named
from molgen.core.steering.rewards import NO_GRADIENT, worth
from molgen.errors import UsageError


@dataclass(frozen=True)
class Parts:
    """What a tilted score is made of.

    Attributes:
        scores: of the model, by field.
        rewards: `[graphs]`, U.
        gradients: of U, by field, in tangent coordinates.
    """

    scores: dict[str, Tensor]
    rewards: Tensor
    gradients: dict[str, Tensor]


class Tilted:
    """A model's score, tilted by a reward; the last state it was asked for is remembered.

    Args:
        draw: whose model and reward.
        strength: of the tilt.
        most: length of a field's tilt at most, in units of one over the noise.
        caution: power of the share of the data that is `known` by which U is multiplied.

    Attributes:
        evaluations: of the model's score, all graphs counted.
    """

    def __init__(
        self, draw: Draw, strength: float, *, most: float = math.inf, caution: float = 0.0
    ) -> None:
        self._draw, self._strength, self._most = draw, strength, most
        self._caution = caution
        self._last: tuple[Batch, Tensor, Parts] | None = None
        self.evaluations = 0

    def __call__(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """The tilted score of each field; `t`: `[graphs]`."""
        parts, tilted = self.parts(batch, t), {}
        for name, process in self._draw.processes.items():
            rows, score = batch.rows[name], parts.scores[name]
            tilt = self._strength * parts.gradients[name]
            length = process.noise(t) * process.manifold.inner(tilt, tilt, rows).sqrt()
            within = (self._most / length.clamp_min(1e-30)).clamp_max(1)
            tilted[name] = score + rows.spread(within, score) * tilt
        return tilted

    def parts(self, batch: Batch, t: Tensor) -> Parts:
        """Score and reward of noised states, and the reward's gradient.

        Raises:
            UsageError: the reward has no gradient.
            MolgenError: the reward cannot be had.
        """
        if self._last is not None and self._last[0] is batch and t.equal(self._last[1]):
            return self._last[2]
        draw = self._draw

        def function(steered: Batch) -> tuple[Tensor, dict[str, Tensor]]:
            scores = draw.model.score(steered, t)
            estimate = denoised(draw.processes, scores, steered, t)
            trust = known(draw.processes, t) ** self._caution
            rewards = trust * worth(draw.reward, estimate, t, draw.step(t))
            return rewards, {name: score.detach() for name, score in scores.items()}

        self.evaluations += batch.graphs
        rewards, gradients, scores = ascent(draw.processes, batch, function)
        if not gradients:
            raise UsageError(NO_GRADIENT)
        parts = Parts(scores, rewards, gradients)
        self._last = batch, t, parts
        return parts

    def take(self, batch: Batch, graphs: Tensor) -> Batch:
        """Some of the graphs, int64 `[k]`, and what is known of them."""
        taken = batch.take(graphs)
        if self._last is not None and self._last[0] is batch:
            _, t, parts = self._last
            index = {name: batch.rows[name].take(graphs)[1] for name in parts.scores}
            scores, gradients = (
                {name: value[index[name]] for name, value in own.items()}
                for own in (parts.scores, parts.gradients)
            )
            self._last = taken, t[graphs], Parts(scores, parts.rewards[graphs], gradients)
        return taken


@dataclass(frozen=True)
class Gradient:
    """Guidance by itself: one draw a sample, with any solver, and no weights.

    Attributes:
        strength: of the guidance; above 1, rewards sharper than they are.
        most: length of the guidance of a field at most, in units of one over the noise, which a
            score has in each direction: steep rewards would throw states where no score is known.
    """

    solvers: ClassVar[tuple[str, ...]] = tuple(SOLVERS)
    strength: float = 1.0
    most: float = 3.0

    def __post_init__(self) -> None:
        if self.strength < 0 or self.most <= 0:
            raise UsageError(
                f"steering: strength = {self.strength:g} must not be negative, most = "
                f"{self.most:g} must be positive"
            )

    def __call__(self, draw: Draw) -> Steered:
        """One guided draw of each sample, near q(x) exp(strength reward(x)).

        Raises:
            UsageError: the reward has no gradient.
            MolgenError: a score is not finite, or the reward cannot be had.
        """
        shapes, tilted = named(draw.shapes), Tilted(draw, self.strength, most=self.most)
        batch = prior(draw.processes, shapes, draw.generator)
        batch = draw.solve(draw.processes, tilted, batch, draw.times, draw.generator)
        t = next(iter(batch.state.values())).new_full((shapes.graphs,), draw.times[-1].item())
        rewards = worth(draw.reward, draw.ended(batch, t), t, draw.steps)
        evaluations = tilted.evaluations / shapes.graphs
        return Steered.of(batch, t, torch.zeros(shapes.graphs, 1), rewards, evaluations)
