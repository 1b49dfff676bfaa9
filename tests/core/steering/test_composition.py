"""Composed scores: products, negation and mixtures of Gaussians have closed forms."""

import math

import pytest
import torch

from molgen.core import grids
from molgen.core.batch import Batch, DenseRows
from molgen.core.processes import VE, VP
from molgen.core.random import Streams
from molgen.core.solvers import SOLVERS
from molgen.core.steering import Draw
from molgen.core.steering.composition import Mixture, Product, without
from molgen.core.steering.ensemble import Ensemble
from molgen.core.steering.feynman_kac import FeynmanKac
from molgen.errors import UsageError

ONE = torch.ones(1, dtype=torch.float64)
FIRST, SECOND = (-0.6, 0.3), (0.9, 0.8)
"""Mean and variance."""


def nothing(batch, t):
    return torch.zeros_like(t) * batch.state["x"][:, 0, 0]


def product(weights):
    """prod N(mean_i, v_i)^{w_i} = Z N(mean, v): mean, v and log Z."""
    precision = sum(w / v for w, (_, v) in zip(weights, (FIRST, SECOND), strict=True))
    mean = sum(w * m / v for w, (m, v) in zip(weights, (FIRST, SECOND), strict=True)) / precision
    log_z = 0.5 * math.log(2 * math.pi / precision) + sum(
        -0.5 * w * (math.log(2 * math.pi * v) + (m - mean) ** 2 / v)
        for w, (m, v) in zip(weights, (FIRST, SECOND), strict=True)
    )
    return mean, 1 / precision, log_z


def drawn(model, how, samples=40, reward=nothing, steps=100):
    x = torch.zeros(samples, 1, 1, dtype=torch.float64)
    draw = Draw(
        model,
        model.processes,
        Batch({"x": x}, {"x": DenseRows(samples, (1,))}),
        grids.karras(model.processes["x"], steps),
        "ancestral",
        SOLVERS["ancestral"],
        reward,
        Streams.of(0, 0, samples),
    )
    steered = how(draw)
    w, x = steered.log_weights.exp() / samples, steered.batch.state["x"].reshape(samples, -1)
    mean = (w * x).sum()
    return mean, (w * (x - mean).square()).sum(), steered


@pytest.fixture
def pair(two_gaussians):
    return [two_gaussians(None, m * ONE, ONE, v) for m, v in (FIRST, SECOND)]


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.8, 0.2), (0.7, 0.6), (1.4, -0.4)], ids=str)
def test_a_product_of_gaussians_is_the_closed_form_gaussian(pair, weights):
    """Means, a sharper product, and keeping away from the second."""
    mean, variance, log_z = product(weights)
    found, spread, steered = drawn(Product(pair, weights), FeynmanKac(64, every=10))
    # of 2560 particles at least half count: four standard errors, and .02 for 100 steps
    assert abs(found - mean) < 4 * (variance / 1280) ** 0.5 + 0.02
    assert abs(spread / variance - 1) < 4 * (2 / 1280) ** 0.5 + 0.04
    z = (steered.log_normaliser - log_z).exp()
    assert abs(z.mean() - 1) < 0.04 + 4 * z.std() / 40**0.5


def test_without_weights_a_product_is_wrong(pair):
    """What the weights are for: the same draws all counted alike have another variance."""
    _, variance, _ = product((1.0, 1.0))
    _, _, steered = drawn(Product(pair, (1.0, 1.0)), FeynmanKac(64, every=10, below=0.0))
    x = steered.batch.state["x"].flatten()
    assert abs(x.var() / variance - 1) > 0.15


@pytest.mark.parametrize("how", [FeynmanKac(64, every=10), Ensemble(64, every=10)], ids=type)
def test_a_reward_steers_a_product_too(pair, how):
    """exp(a x) moves a Gaussian by a v and has log E = a mean + a^2 v / 2."""
    mean, variance, log_z = product((0.5, 0.5))
    found, spread, steered = drawn(
        Product(pair, (0.5, 0.5)), how, reward=lambda b, t: 1.3 * b.state["x"][:, 0, 0]
    )
    assert abs(found - mean - 1.3 * variance) < 4 * (variance / 1280) ** 0.5 + 0.02
    assert abs(spread / variance - 1) < 4 * (2 / 1280) ** 0.5 + 0.04
    z = (steered.log_normaliser - log_z - 1.3 * mean - 0.5 * 1.69 * variance).exp()
    assert abs(z.mean() - 1) < 0.04 + 4 * z.std() / 40**0.5


def test_negation_is_a_product(pair):
    batch = Batch({"x": torch.randn(4, 1, 1).double()}, {"x": DenseRows(4, (1,))})
    t = torch.full((4,), 0.3, dtype=torch.float64)
    away, made = without(*pair, 0.4), Product(pair, (1.4, -0.4))
    assert torch.equal(away.score(batch, t)["x"], made.score(batch, t)["x"])


def test_a_mixture_is_the_one_whose_parts_are_known(two_gaussians, pair):
    """Of two Gaussians with .3 and .7: energy, score and rate of the closed form."""

    class Whole(type(pair[0])):
        def energy(self, batch, t):
            parts = [
                math.log(w) - p.energy(batch, t) for w, p in zip((0.3, 0.7), pair, strict=True)
            ]
            return -torch.stack(parts).logsumexp(0)

        def score(self, batch, t):
            return self.evaluate(batch, t).score

    mixed, whole = Mixture(pair, (0.6, 1.4)), Whole(None, ONE, ONE, 1.0)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20, 1, 1, dtype=torch.float64, generator=generator)
    batch, t = Batch({"x": x}, {"x": DenseRows(20, (1,))}), torch.linspace(0.01, 1, 20).double()
    found, exact = mixed.evaluate(batch, t, rate=True), whole.evaluate(batch, t, rate=True)
    torch.testing.assert_close(found.energy, exact.energy - math.log(2))
    torch.testing.assert_close(found.score["x"], exact.score["x"])
    torch.testing.assert_close(found.rate, exact.rate)
    torch.testing.assert_close(mixed.energy(batch, t), found.energy)


def test_models_that_do_not_belong_together_are_refused(two_gaussians, pair, case_of):
    other = two_gaussians(VP(beta_max=15.0), ONE, ONE, 1.0)
    with pytest.raises(UsageError, match="model 2 noises the field 'x' otherwise"):
        Product([pair[0], other], (0.5, 0.5))
    with pytest.raises(UsageError, match="model 2 noises the field 'x' otherwise"):
        Product([pair[0], two_gaussians(VE(), ONE, ONE, 1.0)], (0.5, 0.5))
    with pytest.raises(UsageError, match="model 2 has the fields pos, adj, rot, the first x"):
        Product([pair[0], case_of("joint", 1).model], (0.5, 0.5))
    with pytest.raises(UsageError, match="2 models for 1 weights"):
        Product(pair, (1.0,))
    with pytest.raises(UsageError, match="must be of energies"):
        Mixture([pair[0], Product(pair, (0.5, 0.5))], (0.5, 0.5))
