"""Best of n: what every way of steering has to beat at as many evaluations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from molgen.core.random import copies
from molgen.core.solvers import SOLVERS, prior
from molgen.core.steering.denoised import Remembered
from molgen.core.steering.draw import Draw
from molgen.core.steering.particles import Steered, copied, named
from molgen.core.steering.rewards import worth
from molgen.errors import UsageError


@dataclass(frozen=True)
class BestOf:
    """The one of some independent draws that is worth most: of no law that can be named.

    Attributes:
        particles: drawn of each sample.
    """

    solvers: ClassVar[tuple[str, ...]] = tuple(SOLVERS)
    particles: int = 64

    def __post_init__(self) -> None:
        if self.particles < 1:
            raise UsageError(f"steering: particles = {self.particles} must be at least 1")

    def __call__(self, draw: Draw) -> Steered:
        """All draws of each sample; the best has all the weight.

        Raises:
            MolgenError: a score is not finite, or the reward cannot be had.
        """
        shapes, n = named(draw.shapes), self.particles
        noise, score = copies(draw.generator, n), Remembered(draw.model.score)
        batch = prior(draw.processes, copied(shapes, n), noise)
        batch = draw.solve(draw.processes, score, batch, draw.times, noise)
        t = next(iter(batch.state.values())).new_full((batch.graphs,), draw.times[-1].item())
        rewards = worth(draw.reward, draw.ended(batch, t), t, draw.steps)
        of_each = rewards.reshape(shapes.graphs, n)
        best = torch.nn.functional.one_hot(of_each.argmax(1), n)
        evaluations = score.evaluations / shapes.graphs
        return Steered.of(batch, t, best.double().log(), rewards, evaluations)
