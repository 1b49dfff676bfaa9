"""RED-diff ends at a mode of the posterior."""

import pytest
import torch

from molgen.core import grids
from molgen.core.batch import Batch, DenseRows
from molgen.core.manifolds import so3
from molgen.core.processes import VP
from molgen.core.random import Streams
from molgen.core.solvers import SOLVERS
from molgen.core.steering import Draw
from molgen.core.steering.red_diff import RedDiff
from molgen.errors import UsageError

ONE = torch.ones(1, dtype=torch.float64)


def _draw(model, processes, shapes, reward):
    process = next(iter(processes.values()))
    times = grids.karras(process, 60)
    streams = Streams.of(0, 0, shapes.graphs)
    return Draw(model, processes, shapes, times, "heun", SOLVERS["heun"], reward, streams)


@pytest.mark.parametrize("std", [0.5, 1.5])
def test_of_a_gaussian_it_is_the_posterior_mean(two_gaussians, std):
    """y = 2 x + noise of variance .3 seen to be 2.5, also where the scale of the data is wrong."""
    model = two_gaussians(VP(data_std=std), -0.4 * ONE, ONE, 0.6)
    shapes = Batch({"x": torch.zeros(5, 1, 1).double()}, {"x": DenseRows(5, (1,))})

    def reward(batch, t):
        return -0.5 * (2.5 - 2 * batch.state["x"][:, 0, 0]).square() / 0.3

    steered = RedDiff()(_draw(model, model.processes, shapes, reward))
    exact = (-0.4 / 0.6 + 2 * 2.5 / 0.3) / (1 / 0.6 + 4 / 0.3)
    # pairs of noise leave none in a linear score; the last steps of Adam are .0002 of data_std
    torch.testing.assert_close(
        steered.batch.state["x"].flatten(), exact * ONE.expand(5), rtol=0, atol=5e-3
    )


def test_of_two_gaussians_it_is_the_mode_that_the_reward_favours(tilted):
    """Where the posterior's slope is zero, and on the right, where .83 of its mass is."""
    draw = tilted.draw(6)
    steered = RedDiff(iterations=400)(_draw(tilted.model, draw.processes, draw.shapes, draw.reward))
    x = steered.batch.state["x"].flatten()
    # the mode of N(1, .1) exp(1.2 x) is at 1.12; noise of the last times moves it by its size
    assert (x - 1.12).abs().max() < 0.03


def test_rotations_end_at_their_mode(case_of):
    """One kernel about R and the reward k <R', .> about another: the mode is on the way between."""
    case = case_of("Brownian SO3", 1)
    mean = case.model.fields["rot"].means[0]
    turn = torch.tensor([0.0, 0.0, 0.4], dtype=torch.float64)
    wanted, k = mean @ so3.exp(turn), 25.0

    def reward(batch, t):
        return k * (wanted * batch.state["rot"]).sum((-3, -2, -1))

    descent = RedDiff(iterations=80, rate=0.1)
    steered = descent(_draw(case.model, case.processes, case.empty(1), reward))
    found = so3.log(mean.mT @ steered.batch.state["rot"])
    # along the axis: a / .2^2 = 2 k sin(.4 - a), to the curvature of the kernel, a^2/12
    a = torch.linspace(0, 0.4, 4001, dtype=torch.float64)
    exact = a[(a / 0.04 - 2 * k * torch.sin(0.4 - a)).abs().argmin()]
    # noise of the last times, .05 rad, averaged over the last ten of 80 steps
    torch.testing.assert_close(found[..., 2], exact.expand(1, 2), rtol=0, atol=0.02)
    assert found[..., :2].abs().max() < 0.04 < exact


def test_a_reward_without_gradient_is_refused(tilted):
    draw = tilted.draw(2, reward=lambda batch, t: torch.zeros_like(t))
    with pytest.raises(UsageError, match="has no gradient"):
        RedDiff(iterations=2)(draw)
    with pytest.raises(UsageError, match="rate = 0 positive"):
        RedDiff(rate=0.0)
