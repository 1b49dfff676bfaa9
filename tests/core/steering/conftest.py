"""Two Gaussians of one coordinate, a reward that tilts them, and what comes of it exactly."""

import dataclasses
import math

import pytest
import torch

from molgen.core import grids
from molgen.core.batch import Batch, DenseRows
from molgen.core.models import EnergyModel
from molgen.core.processes import VP
from molgen.core.random import Streams
from molgen.core.solvers import SOLVERS
from molgen.core.steering import Draw

MEANS = torch.tensor([-1.5, 1.0], dtype=torch.float64)
WEIGHTS = torch.tensor([0.8, 0.2], dtype=torch.float64)
VARIANCE = 0.1
SLOPE = 1.2


class TwoGaussians(EnergyModel):
    """-log sum_k w_k N(x; m mean_k, m^2 variance + s^2)."""

    def __init__(self, process=None, means=MEANS, weights=WEIGHTS, variance=VARIANCE):
        super().__init__({"x": process or VP()})
        self.means, self.weights, self.variance = means, weights, variance

    def energy(self, batch, t):
        process, x = self.processes["x"], batch.state["x"][:, 0]
        m, s = process.signal(t)[:, None], process.noise(t)[:, None]
        v = m.square() * self.variance + s.square()
        log_p = -0.5 * ((x - m * self.means).square() / v + (2 * math.pi * v).log())
        return -(log_p + self.weights.log()).logsumexp(1)

    def score(self, batch, t):
        """In closed form, which is faster."""
        process, x = self.processes["x"], batch.state["x"][:, 0]
        m, s = process.signal(t)[:, None], process.noise(t)[:, None]
        v = m.square() * self.variance + s.square()
        away = m * self.means - x
        chance = (self.weights.log() - 0.5 * away.square() / v).softmax(1)
        return {"x": (chance * away / v).sum(1)[:, None, None]}


def slope(batch, t):
    """The reward SLOPE x."""
    del t
    return SLOPE * batch.state["x"][:, 0, 0]


@dataclasses.dataclass(frozen=True)
class Tilted:
    """Two Gaussians times exp(SLOPE x): again two Gaussians.

    mean_k -> mean_k + SLOPE variance, weight_k ~ weight_k exp(SLOPE mean_k + SLOPE^2 variance / 2).
    """

    model: TwoGaussians

    @property
    def weights(self):
        return (WEIGHTS.log() + SLOPE * MEANS).softmax(0)

    @property
    def right(self) -> float:
        """The share of the second, which had .2 of the mass."""
        return self.weights[1].item()

    @property
    def mean(self) -> float:
        return (self.weights * (MEANS + SLOPE * VARIANCE)).sum().item()

    @property
    def log_normaliser(self) -> float:
        log_each = WEIGHTS.log() + SLOPE * MEANS + 0.5 * SLOPE**2 * VARIANCE
        return log_each.logsumexp(0).item()

    def draw(self, samples: int, *, steps=150, solver="ancestral", seed=0, reward=slope, first=0):
        x = torch.zeros(samples, 1, 1, dtype=torch.float64)
        shapes = Batch({"x": x}, {"x": DenseRows(samples, (1,))})
        return Draw(
            self.model,
            self.model.processes,
            shapes,
            grids.karras(self.model.processes["x"], steps),
            solver,
            SOLVERS[solver],
            reward,
            Streams.of(seed, first, samples),
        )

    def found(self, steered):
        """Of each sample: weighted mean, and weight of the second Gaussian: `[samples]` each."""
        x = steered.batch.state["x"].reshape(steered.log_weights.shape)
        w = steered.log_weights.exp()
        return (w * x).sum(1), (w * (x > -0.25)).sum(1)


@pytest.fixture(scope="session")
def tilted() -> Tilted:
    """The model, the reward, and the answer."""
    return Tilted(TwoGaussians())


@pytest.fixture(scope="session")
def two_gaussians():
    """`two_gaussians(process, means, weights, variance)`."""
    return TwoGaussians
