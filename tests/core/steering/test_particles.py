"""Weighing and choosing, and that what a sample is does not depend on its batch mates."""

import pytest
import torch

from molgen.core.steering import SteeringError
from molgen.core.steering.best_of import BestOf
from molgen.core.steering.ensemble import Ensemble
from molgen.core.steering.feynman_kac import FeynmanKac
from molgen.core.steering.particles import effective, log_mean, require_weight, systematic
from molgen.core.steering.red_diff import RedDiff
from molgen.core.steering.tilted import Gradient
from molgen.core.steering.tree import Tree


def test_systematic_draws_take_each_by_its_weight():
    """Over all u each place is drawn w n times on average, and floor or ceil of it each time."""
    w = torch.tensor([0.05, 0.5, 0.0, 0.33, 0.12], dtype=torch.float64)
    u = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    places = systematic(w.log().expand(1000, -1), u, 8)
    counts = torch.stack([(places == k).sum(1) for k in range(5)], 1)
    # u on a grid of 1000: the mean count is exact to one part in it
    torch.testing.assert_close(counts.double().mean(0), 8 * w, rtol=0, atol=2e-3)
    assert (counts >= (8 * w).floor()).all()
    assert (counts <= (8 * w).ceil()).all()
    assert systematic(w.log()[None], torch.ones(1), 8).max() == 4


def test_effective_number_and_mean_weight():
    log_w = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, -torch.inf, 0.0, -torch.inf]]) - 700.0
    torch.testing.assert_close(effective(log_w), torch.tensor([4.0, 2.0]))
    torch.testing.assert_close(log_mean(log_w), torch.tensor([-700.0, -700.6931]))
    assert effective(torch.full((1, 3), -torch.inf)) == 0


def test_a_sample_without_weight_is_named():
    log_w = torch.tensor([[0.0, -torch.inf], [-torch.inf, -torch.inf]])
    with pytest.raises(SteeringError, match=r"sample b, step 7, t = 0\.1: zero effective"):
        require_weight(log_w, ("a", "a", "b", "b"), 7, 0.1)


@pytest.mark.parametrize(
    "how",
    [
        FeynmanKac(8, every=3, below=1.0),
        Ensemble(8, every=3, below=1.0),
        Tree(8, every=4, at_once=3),
        RedDiff(iterations=10, particles=2),
        Gradient(),
        BestOf(3),
    ],
    ids=lambda how: type(how).__name__,
)
def test_a_sample_is_the_same_in_any_batch(how, tilted):
    together = how(tilted.draw(5, steps=12))
    alone = how(tilted.draw(2, steps=12, first=3))
    n = together.particles
    # sums over more graphs at a time may differ in the last bits
    torch.testing.assert_close(
        alone.batch.state["x"], together.batch.state["x"][3 * n :], rtol=0, atol=1e-12
    )
    torch.testing.assert_close(alone.log_weights, together.log_weights[3:], rtol=0, atol=1e-10)
    assert together.batch.ids[3 * n] == "3"
