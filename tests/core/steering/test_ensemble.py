"""Guided and corrected particles reach the tilted law, on flat space and on rotations."""

import math

import pytest
import torch

from molgen.core import grids
from molgen.core.batch import Batch, DenseRows
from molgen.core.random import Streams
from molgen.core.solvers import SOLVERS
from molgen.core.steering import Draw
from molgen.core.steering.ensemble import Ensemble
from molgen.core.steering.feynman_kac import FeynmanKac
from molgen.core.steering.tilted import Gradient
from molgen.errors import UsageError


def square(batch, t):
    """-2 (x - 0.2)^2: it is worst in the tails, where guidance alone goes wrong."""
    del t
    return -2.0 * (batch.state["x"][:, 0, 0] - 0.2).square()


def exact(model):
    """Share of the second Gaussian, variance of the first, and log Z under `square`: quadrature."""
    x = torch.linspace(-4, 4, 20001, dtype=torch.float64)
    q = (model.weights * torch.exp(-0.5 * (x[:, None] - model.means) ** 2 / model.variance)).sum(1)
    q = q / (q.sum() * 8 / 20000)
    p = q * torch.exp(-2 * (x - 0.2) ** 2)
    left = p * (x < -0.25)
    mean = (left * x).sum() / left.sum()
    variance = (left * x**2).sum() / left.sum() - mean**2
    return 1 - (left.sum() / p.sum()).item(), variance.item(), (p.sum() * 8 / 20000).log().item()


def test_it_reaches_the_tilted_law_and_guidance_alone_does_not(tilted):
    share, variance, log_z = exact(tilted.model)
    draw = tilted.draw(40, steps=120, reward=square)
    steered = Ensemble(64, every=10)(draw)
    x = steered.batch.state["x"].reshape(steered.log_weights.shape)
    w = steered.log_weights.exp()
    right = (w * (x > -0.25)).sum(1)
    # four standard errors, and .015 for steps of finite length, as in test_feynman_kac
    assert abs(right.mean() - share) < 0.015 + 4 * right.std() / 40**0.5
    left = w * (x < -0.25)
    mean = (left * x).sum() / left.sum()
    found = (left * (x - mean).square()).sum() / left.sum()
    # of some 1000 effective particles: 4 sqrt(2 / 1000) of the variance, and a tenth for steps
    assert abs(found - variance) < (0.18 + 0.1) * variance
    z = (steered.log_normaliser - log_z).exp()
    assert abs(z.mean() - 1) < 0.05 + 4 * z.std() / 40**0.5
    guided = Gradient()(tilted.draw(1500, steps=120, reward=square)).batch.state["x"][:, 0, 0]
    # guidance by itself: the standard error of the share is .013
    assert abs((guided > -0.25).double().mean() - share) > 0.05


def test_particles_are_better_spent_than_on_what_nobody_guides(tilted):
    """The normaliser is known better: .7 of the spread, which 100 samples tell to .1."""
    guided = Ensemble(32, every=10)(tilted.draw(100, steps=40, reward=square))
    free = FeynmanKac(32, every=40)(tilted.draw(100, steps=40, reward=square))
    assert guided.log_normaliser.std() < 0.9 * free.log_normaliser.std()


@pytest.mark.parametrize("how", [Ensemble(32, every=8), FeynmanKac(32, every=8)], ids=type)
def test_rotations_are_tilted_right(how, case_of):
    """Two kernels on SO(3) and the reward 1.5 R_zz of the first row, against draws of the data."""
    case, samples = case_of("Brownian SO3", 2), 12

    def reward(batch, t):
        del t
        return 1.5 * batch.state["rot"][:, 0, 2, 2]

    generator = torch.Generator().manual_seed(0)
    data = case.data(20_000, generator)
    worth = reward(data, None)
    weights = worth.softmax(0)
    mean, log_z = (weights * worth).sum().item(), worth.logsumexp(0).item() - math.log(20_000)
    process = case.processes["rot"]
    draw = Draw(
        case.model,
        case.processes,
        case.empty(samples),
        grids.karras(process, 40),
        "ancestral",
        SOLVERS["ancestral"],
        reward,
        Streams.of(0, 0, samples),
    )
    steered = how(draw)
    found = (steered.log_weights.exp() * steered.rewards).sum(1)
    assert abs(mean - worth.mean()) > 0.1
    # the data's own weighted mean has an error of .005; .03 for 40 steps of first order
    assert abs(found.mean() - mean) < 0.03 + 4 * found.std() / samples**0.5
    z = (steered.log_normaliser - log_z).exp()
    assert abs(z.mean() - 1) < 0.06 + 4 * z.std() / samples**0.5


def test_rewards_without_gradient_and_other_solvers_are_refused(tilted):
    def steps(batch, t):
        return (batch.state["x"][:, 0, 0] > 0).to(t)

    for how in (Ensemble(4), Gradient()):
        with pytest.raises(UsageError, match=r"has no gradient: .* choose feynman-kac or tree"):
            how(tilted.draw(2, steps=10, reward=steps))
    with pytest.raises(UsageError, match=r"cannot use s4; choose ancestral$"):
        Ensemble(4)(tilted.draw(2, steps=10, solver="s4"))


def test_guidance_of_a_gaussian_by_a_linear_reward_is_exact(two_gaussians):
    """There the reward of the expectation is that of each state but for what x has no part in."""
    one = torch.ones(1, dtype=torch.float64)
    model = two_gaussians(None, 0.3 * one, one, 0.5)
    x = torch.zeros(4000, 1, 1, dtype=torch.float64)
    draw = Draw(
        model,
        model.processes,
        Batch({"x": x}, {"x": DenseRows(4000, (1,))}),
        grids.karras(model.processes["x"], 60),
        "heun",
        SOLVERS["heun"],
        lambda batch, t: 0.8 * batch.state["x"][:, 0, 0],
        Streams.of(0, 0, 4000),
    )
    found = Gradient()(draw).batch.state["x"].flatten()
    # N(.3 + .8 .5, .5); four standard errors of 4000 draws
    assert abs(found.mean() - 0.7) < 4 * (0.5 / 4000) ** 0.5 + 0.005
    assert abs(found.var() - 0.5) < 4 * 0.5 * (2 / 4000) ** 0.5 + 0.01
