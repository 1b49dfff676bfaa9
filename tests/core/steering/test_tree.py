"""Trees reach the tilted law, and the better the longer they grow."""

import pytest
import torch

from molgen.core.steering.tree import DiffusionTree, Tree
from molgen.errors import UsageError


def test_leaves_by_weight_have_the_tilted_law(tilted):
    samples = 40
    steered = Tree(96, every=10, at_once=24)(tilted.draw(samples, steps=100))
    mean, right = tilted.found(steered)
    # .02 for 100 steps of first order, and four standard errors; best of n would be .17 off
    assert 4 * right.std() / samples**0.5 < 0.06
    assert abs(right.mean() - tilted.right) < 0.02 + 4 * right.std() / samples**0.5
    assert abs(mean.mean() - tilted.mean) < 0.05 + 4 * mean.std() / samples**0.5
    z = (steered.log_normaliser - tilted.log_normaliser).exp()
    assert abs(z.mean() - 1) < 0.06 + 4 * z.std() / samples**0.5


def test_it_is_anytime(tilted):
    """Grown on, estimates spread less and what was there stays; evaluations are few."""
    trees = DiffusionTree(tilted.draw(40, steps=40), Tree(96, every=5, at_once=8))
    trees.grow(8)
    early = trees.steered()
    trees.grow(88)
    late = trees.steered()
    assert early.particles == 8
    assert torch.equal(
        late.batch.state["x"].reshape(40, 96)[:, :8], early.batch.state["x"].reshape(40, 8)
    )
    assert late.log_normaliser.std() < 0.5 * early.log_normaliser.std()
    assert late.evaluations < 0.98 * 96 * 40  # what is above the new nodes is not walked again
    with pytest.raises(UsageError, match="made for 96 rollouts holds no 97"):
        trees.grow(1)


def test_what_is_worth_more_is_visited_more(tilted):
    """Of 128 rollouts the later half goes to the right, where a fifth of the free ones would."""
    tree = Tree(128, every=10, breadth=1.0, widening=0.5, even=0.0, at_once=8)
    steered = tree(tilted.draw(10, steps=30))
    last = steered.batch.state["x"].reshape(10, 128)[:, 64:]
    assert (last > -0.25).double().mean() > 0.35


def test_options_out_of_range_are_refused():
    with pytest.raises(UsageError, match="widening = 1 between 0 and 1"):
        Tree(widening=1.0)
