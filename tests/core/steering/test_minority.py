"""What is rare becomes less so."""

import math

import pytest
import torch

from molgen.core.steering.feynman_kac import FeynmanKac
from molgen.core.steering.minority import low_density, minority
from molgen.errors import UsageError


def test_low_density_raises_the_temperature(tilted):
    """q^{1 - w} of two narrow Gaussians: shares ~ weight^{1 - w}, variance / (1 - w)."""
    w, energy = 0.5, low_density(tilted.model)
    draw = tilted.draw(40, steps=100, reward=lambda batch, t: w * energy(batch, t))
    steered = FeynmanKac(64, every=10)(draw)
    _, right = tilted.found(steered)
    share = 1 / (1 + 4**0.5)
    # tails of either that cross the middle, now .4 wide in the square root: .005 of the mass
    assert abs(right.mean() - share) < 0.025 + 4 * right.std() / 40**0.5
    assert share - 0.2 > 0.1
    # log of the integral of q^{1/2}: (sqrt .8 + sqrt .2) sqrt(2 sqrt(2 pi v))
    z = (0.8**0.5 + 0.2**0.5) * math.sqrt(2 * math.sqrt(2 * math.pi * 0.1))
    found = steered.log_normaliser.exp()
    assert abs(found.mean() / z - 1) < 0.05 + 4 * found.std() / z / 40**0.5


def test_where_only_the_score_is_known_the_smaller_mode_is_worth_more(tilted):
    reward = minority(tilted.model, tilted.model.processes, time=0.35, draws=200)
    batch = tilted.draw(2).shapes.replace(x=tilted.model.means.reshape(2, 1, 1))
    t = torch.full((2,), 0.1, dtype=torch.float64)
    frequent, rare = reward(batch, t)
    assert rare > 3 * frequent
    assert torch.equal(reward(batch, t), reward(batch, t))


def test_it_steers_to_the_smaller_mode(tilted):
    reward = minority(tilted.model, tilted.model.processes, time=0.35, draws=4)
    steered = FeynmanKac(32, every=10)(tilted.draw(20, steps=60, reward=reward))
    _, right = tilted.found(steered)
    assert right.mean() > 0.4  # it is 0.2 without
    with pytest.raises(UsageError, match=r"time = 1\.5"):
        minority(tilted.model, tilted.model.processes, time=1.5)
