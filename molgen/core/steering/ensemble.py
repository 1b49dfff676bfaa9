r"""Draws of q(x) exp(reward(x)) by guided particles whose weights undo what guidance gets wrong.

With U(x, t) = reward(D(x, t)), times how much of the data is known at t, the target q_t exp(U) is
not what noise makes of q exp(reward), and no guidance follows it. Particles of the reverse process
with the score s + c grad U do, with weights. In reverse time t', as steps shorten,

    dx = (-f + g^2 (s + c grad U)) dt' + g dW
    d log w = (dU/dt' - <f, grad U> + g^2 (c <s, grad U> + (c - 1/2) (lap U + |grad U|^2))) dt'

(ensembles that follow the corrected equation, Chen et al. 2025; reward-tilted Feynman-Kac
correctors, Skreta et al. 2025, are c = 1/2). Here the weight of a step is that of its kernels,

    log w += U(x_s, s) - U(x_t, t) + log p(x_s | x_t) - log p~(x_s | x_t)

with p the ancestral step by the model's score and p~ that with guidance, Gaussians of one width in
the tangent space they share (twisted particles, Wu et al. 2023). It becomes the equation above,
needs no Laplacian, and is exact for steps of any length: particles stand for what the model's own
steps draw, times exp(reward), as their number grows. On any manifold, as what is compared are
tangent vectors, not where they lead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.core.random import Random
from molgen.core.solvers import Score
from molgen.core.solvers.sde import ancestral, renewal
from molgen.core.solvers.steps import finite, steps
from molgen.core.steering.composition import corrections
from molgen.core.steering.draw import Draw
from molgen.core.steering.particles import Steered
from molgen.core.steering.tilted import Tilted
from molgen.core.steering.walk import Choosing, Move, walk
from molgen.errors import UsageError


class Twisted:
    """Guided ancestral steps, and the weights that undo their guidance.

    Args:
        tilted: the model's score, and what tilts it.
        strength: c, of the guidance.
        most: length to which guidance moves a field at most in a step, in units of the step's
            noise in one direction: no reward is too steep, as weights know how far it went.
    """

    def __init__(self, tilted: Tilted, strength: float, most: float) -> None:
        self._tilted, self._strength, self._most = tilted, strength, most
        self._odds, self._before = torch.zeros(()), torch.zeros(())

    def __call__(
        self,
        processes: Processes,
        score: Score,
        batch: Batch,
        times: Tensor,
        generator: Random,
        *,
        ends: bool = True,
    ) -> Batch:
        """One step, from `times[0]` to `times[1]`; the last one is neither guided nor noised."""
        del score
        (step,) = steps(times, batch, ends=ends)
        parts = self._tilted.parts(batch, step.t)
        scores = finite(parts.scores, step)
        self._before, self._odds = parts.rewards, torch.zeros_like(step.t)
        new = {}
        for name, process in processes.items():
            rows, manifold = batch.rows[name], process.manifold
            along, fresh = renewal(process, step)
            towards = -along * process.noise(step.t)  # along eps, which is -s(t) score
            x = process.scaled(batch.state[name], step.t, step.s, rows)
            v = rows.spread(towards, scores[name]) * scores[name]
            if not step.last:
                z = manifold.noise(x, rows, generator)
                # all in units of the noise: z - push would have made the same step unguided
                push = self._strength * towards / fresh
                push = rows.spread(push, z) * parts.gradients[name]
                length = manifold.inner(push, push, rows).sqrt()
                push = rows.spread((self._most / length.clamp_min(1e-30)).clamp_max(1), z) * push
                v = v + rows.spread(fresh, z) * (z + push)
                self._odds = self._odds - manifold.inner(z + 0.5 * push, push, rows)
            new[name] = manifold.exp(x, v, rows)
        return batch.replace(**new)

    def begin(self, batch: Batch, t: Tensor) -> Tensor:
        """U at the prior: `[graphs]`."""
        return self._tilted.parts(batch, t).rewards

    def add(self, move: Move) -> Tensor:
        """What U gained and the odds of the step; in the end, the reward itself: `[graphs]`."""
        now = move.rewards
        if now is None:
            now = self._tilted.parts(move.after, move.stop).rewards
        gained = now - self._before + self._odds
        return torch.where(self._before == -torch.inf, 0.0, gained)

    def take(self, graphs: Tensor) -> None:
        """Nothing is kept from step to step."""
        del graphs


@dataclass(frozen=True)
class Ensemble(Choosing):
    """Weighted particles, guided and corrected.

    Attributes:
        strength: c, of the guidance. Whatever it is, the weights are right, but the reward of an
            expectation is no more than a guess of what a state will be worth, and to follow all of
            it loses what it guesses wrong: at 1 the smaller of two modes, whose weights are then
            seldom seen.
        most: see `Twisted`.
        caution: U is the reward times this power of the share of the data that is `known` by then;
            what it is on the way is free, as weights know of it.
    """

    solvers: ClassVar[tuple[str, ...]] = ("ancestral",)
    strength: float = 0.5
    most: float = 5.0
    caution: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.strength, self.caution) < 0 or self.most <= 0:
            raise UsageError(
                f"steering: strength = {self.strength:g} and caution = {self.caution:g} must not "
                f"be negative, most = {self.most:g} must be positive"
            )

    def __call__(self, draw: Draw) -> Steered:
        """Weighted particles of q(x) exp(reward(x)).

        Raises:
            UsageError: the solver is not `ancestral` or has options, or the reward has no gradient.
            SteeringError: none of a sample's particles has any weight.
            MolgenError: a score is not finite, or the reward cannot be had.
        """
        if draw.stepwise("ensemble", self.solvers) is not ancestral:
            raise UsageError("ensemble takes the steps of ancestral by itself: leave options out")
        tilted = Tilted(draw, self.strength, caution=self.caution)
        twisted = Twisted(tilted, self.strength, self.most)
        return walk(draw, twisted, tilted, [*corrections(draw.model), twisted], self)
