import math

import pytest
import torch

from molgen.core import grids
from molgen.core.batch import Batch, DenseRows
from molgen.core.likelihood.consistency import self_weights
from molgen.core.likelihood.density import draw
from molgen.core.likelihood.weights import Weights
from molgen.core.models import EnergyModel
from molgen.core.processes import VE
from molgen.errors import MolgenError

SHIFT, WIDTH = 0.5, 0.8


def gaussian_weights(count, generator):
    """Of draws of N(0, 1) against E = (x - shift)^2 / 2 width^2, and the draws."""
    x = torch.randn(count, generator=generator, dtype=torch.float64)
    log_q = -0.5 * x.square() - 0.5 * math.log(2 * math.pi)
    return x, Weights.of(0.5 * ((x - SHIFT) / WIDTH).square(), log_q)


def test_a_gaussian_reweighted_to_another(generator):
    """Z, the mean and the effective sample size in closed form; five standard errors of each."""
    x, weights = gaussian_weights(20_000, generator)
    exact = math.log(WIDTH * math.sqrt(2 * math.pi))
    assert abs(weights.log_normaliser - exact) < 5 * 0.01
    assert abs(weights.mean(x).item() - SHIFT) < 5 * 0.01
    # E[w^2] / E[w]^2 of N(mu, s^2) against N(0, 1) is exp(mu^2 / (2 - s^2)) / (s sqrt(2 - s^2))
    square = math.exp(SHIFT**2 / (2 - WIDTH**2)) / (WIDTH * math.sqrt(2 - WIDTH**2))
    assert abs(weights.share * square - 1) < 0.03
    assert weights.tail.reliable


def test_equal_weights_lose_nothing():
    weights = Weights(torch.full((500,), 2.5, dtype=torch.float64))
    assert weights.ess == pytest.approx(500)
    assert weights.log_normaliser == pytest.approx(2.5)
    assert weights.tail.k == -math.inf
    assert weights.tail.reliable


@pytest.mark.parametrize(("k", "reliable"), [(0.2, True), (0.5, True), (0.9, False)])
def test_the_shape_of_a_pareto_tail_is_found(k, reliable, generator):
    """To within four of its standard errors, (1 + k) / sqrt(of 425 in the tail), and its prior."""
    u = torch.rand(20_000, generator=generator, dtype=torch.float64)
    tail = Weights(-k * u.log()).tail
    assert abs(tail.k - k) < 4 * (1 + k) / 425**0.5
    assert tail.reliable is reliable


def test_smoothing_steadies_the_mean_of_heavy_weights(generator):
    u = torch.rand(300, 1000, generator=generator, dtype=torch.float64)
    found = [Weights(-0.6 * row.log()) for row in u]
    plain = torch.tensor([w.log_normaliser for w in found])
    smooth = torch.tensor([w.smoothed.log_normaliser for w in found])
    exact = -math.log(1 - 0.6)
    assert (smooth - exact).square().mean() < 0.8 * (plain - exact).square().mean()


def test_bootstrap_errors_are_those_of_repeated_sampling(generator):
    """A standard deviation of 100 values is known to 7 %."""
    means, errors = [], []
    for _ in range(100):
        x, weights = gaussian_weights(400, generator)
        found = weights.estimate(lambda w, x=x: (w * x).sum(), repeats=60, generator=generator)
        means.append(found.value)
        errors.append(found.error)
    spread = torch.stack(means).std()
    assert abs(torch.stack(errors).mean() / spread - 1) < 0.25
    inside = sum(bool(abs(m - SHIFT) < 1.96 * e) for m, e in zip(means, errors, strict=True))
    assert inside > 85


def test_weights_that_are_no_numbers_are_refused():
    with pytest.raises(MolgenError, match="1 of 2 are not finite"):
        Weights(torch.tensor([0.0, math.nan]))
    with pytest.raises(MolgenError, match="not finite"):
        Weights(torch.tensor([-math.inf, -math.inf]))


class Wrong(EnergyModel):
    """A Gaussian whose width goes by another law in time than the process's: by `power`."""

    def __init__(self, process, power):
        super().__init__({"x": process})
        self.power = power

    def energy(self, batch, t):
        process, x = self.processes["x"], batch.state["x"]
        wide = 0.5 + process.noise(t).square()
        v = wide * (1 - t).mul(self.power).exp()
        return 0.5 * (x.square().sum((1, 2)) / v + 4 * torch.log(2 * math.pi * v))


def self_weights_of(power, generator):
    process = VE(sigma_max=30.0)
    shapes = Batch({"x": torch.zeros(400, 2, 2, dtype=torch.float64)}, {"x": DenseRows(400, (2,))})
    model, times = Wrong(process, power), grids.karras(process, 12)
    drawn = draw(model.processes, model.score, shapes, times, generator=generator)
    return self_weights(model, drawn, process.t_min)


def test_an_energy_that_solves_its_equation_agrees_with_its_flow(generator):
    weights = self_weights_of(0.0, generator)
    assert weights.share > 0.999
    # the prior is narrower than the data's by 0.25 / sigma_max^2
    assert abs(weights.log_normaliser) < 0.01


def test_an_energy_that_does_not_is_found_out(generator):
    """At every time a normalised Gaussian, but of widths that no flow connects."""
    weights = self_weights_of(0.5, generator)
    assert weights.share < 0.95
    assert abs(weights.log_normaliser) < 0.1
