r"""RED-diff: the likeliest state by descent, with the model as a regulariser. Mardani et al. 2023.

Minimised over a clean state mu, one a sample, at times that go from much noise to none:

    -reward(mu) + E_eps <(eps_model(x_t) - eps) w, mu>,    x_t = m mu + s eps

where the difference of noises is held fixed (eq. 9). As (eps_model - eps) s / m = mu - D(x_t), the
second term's gradient is E (mu - D) / r^2 with r = s / m: that of -log of the data's density spread
by r. The weight here is 1 / r^2 + 1 / data_std^2: with much noise as in the paper, where otherwise
the model would have no say; with little, that of the density itself, so that the end is a mode of q
exp(reward). Tangent vectors stand for differences on any manifold. Noise comes in pairs eps, -eps,
which takes out what is odd in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.random import Random, copies
from molgen.core.solvers import SOLVERS, prior
from molgen.core.steering.denoised import Remembered, denoised
from molgen.core.steering.draw import Draw
from molgen.core.steering.guidance import ascent
from molgen.core.steering.particles import Steered, copied, named
from molgen.core.steering.rewards import NO_GRADIENT, worth
from molgen.errors import UsageError

_FADE, _SQUARES, _SMALL = 0.9, 0.99, 1e-12


@dataclass(frozen=True)
class RedDiff:
    """RED-diff, by Adam (Kingma & Ba 2015) along geodesics.

    Attributes:
        iterations: of two evaluations each.
        rate: of the first step in each direction, in units of the data; it falls to zero.
        particles: starts of each sample, each from a draw of the prior.

    Raises:
        UsageError: a number out of its range.
    """

    solvers: ClassVar[tuple[str, ...]] = tuple(SOLVERS)
    iterations: int = 300
    rate: float = 0.05
    particles: int = 1

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.rate <= 0 or self.particles < 1:
            raise UsageError(
                f"steering: iterations = {self.iterations} and particles = {self.particles} must "
                f"be at least 1, rate = {self.rate:g} positive"
            )

    def __call__(self, draw: Draw) -> Steered:
        """A mode of q(x) exp(reward(x)) from each start; all have the same weight.

        Raises:
            UsageError: the reward has no gradient.
            MolgenError: a score is not finite, or the reward cannot be had.
        """
        shapes, score = named(draw.shapes), Remembered(draw.model.score)
        noise = copies(draw.generator, self.particles)
        batch = prior(draw.processes, copied(shapes, self.particles), noise)
        like = next(iter(batch.state.values()))
        t = like.new_full((batch.graphs,), draw.times[0].item())
        batch = denoised(draw.processes, score(batch, t), batch, t)
        descent = Descent(draw, score, batch)
        places = torch.linspace(0, draw.steps, self.iterations + 1)[1:]
        for k, place in enumerate(places.tolist()):
            before = min(int(place), draw.steps - 1)
            first, second = draw.times[before : before + 2].tolist()
            t = torch.full_like(t, first + (place - before) * (second - first))
            descent.step(t, self.rate * (1 - k / self.iterations), k + 1, noise)
        rewards = worth(draw.reward, draw.ended(descent.batch, t), t, draw.steps)
        weights = torch.zeros(shapes.graphs, self.particles)
        return Steered.of(descent.batch, t, weights, rewards, score.evaluations / shapes.graphs)


class Descent:
    """Clean states on their way to a mode.

    Args:
        draw: whose reward and processes.
        score: of the model.
        batch: where they begin.

    Attributes:
        batch: where they are.
    """

    def __init__(self, draw: Draw, score: Remembered, batch: Batch) -> None:
        self._draw, self._score, self.batch = draw, score, batch
        self._mean: dict[str, Tensor] = {}
        self._square: dict[str, Tensor] = {}

    def step(self, t: Tensor, rate: float, number: int, noise: Random) -> None:
        """One step of Adam, with noise of time `t` `[graphs]`; `number` counts from 1."""
        draw, batch, new = self._draw, self.batch, {}

        def function(mu: Batch) -> tuple[Tensor, None]:
            return worth(draw.reward, mu, t, draw.step(t)), None

        _, rises, _ = ascent(draw.processes, batch, function)
        if not rises:
            raise UsageError(NO_GRADIENT)
        pulls = self._pulls(t, noise)
        for name, process in draw.processes.items():
            rows, slope = batch.rows[name], -pulls[name] - rises[name]
            zero = torch.zeros_like(slope)
            mean = _FADE * self._mean.get(name, zero) + (1 - _FADE) * slope
            square = _SQUARES * self._square.get(name, zero) + (1 - _SQUARES) * slope.square()
            self._mean[name], self._square[name] = mean, square
            size = (square / (1 - _SQUARES**number)).sqrt() + _SMALL
            v = -rate * process.data_std * mean / (1 - _FADE**number) / size
            v = process.manifold.project(v, rows)
            new[name] = process.manifold.exp(batch.state[name], v, rows)
        self.batch = batch.replace(**new)

    def _pulls(self, t: Tensor, noise: Random) -> dict[str, Tensor]:
        """Towards what the model makes of noised states, a mean over eps and -eps, by field."""
        draw, batch = self._draw, self.batch
        ahead, behind = {}, {}
        for name, process in draw.processes.items():
            mu, rows, manifold = batch.state[name], batch.rows[name], process.manifold
            ahead[name] = process.corrupt(mu, t, rows, noise).x_t
            centre = process.scaled(mu, t * 0, t, rows)
            v = manifold.log(centre, ahead[name], rows)
            behind[name] = manifold.exp(centre, -v, rows)
        pulls: dict[str, Tensor] = {}
        for state in (ahead, behind):
            noised = batch.replace(**state)
            clean = denoised(draw.processes, self._score(noised, t), noised, t)
            for name, process in draw.processes.items():
                rows = batch.rows[name]
                v = process.manifold.log(batch.state[name], clean.state[name], rows)
                r2 = (process.noise(t) / process.signal(t)).square()
                v = 0.5 * rows.spread(1 / r2 + 1 / process.data_std**2, v) * v
                pulls[name] = pulls[name] + v if name in pulls else v
        return pulls
