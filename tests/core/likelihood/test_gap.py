import pytest
import torch

from molgen.core.likelihood.gap import gap, squared_rmsds, wasserstein
from molgen.core.manifolds import so3
from molgen.errors import UsageError


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_a_shifted_cloud_is_as_far_as_the_shift():
    """Exactly: translation is the optimal map, whatever the order of the points."""
    x = normal(200, 3)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(1))
    shift = torch.tensor([0.3, -0.4, 0.0], dtype=torch.float64)
    assert wasserstein(x, (x + shift)[order]) == pytest.approx(0.5, abs=1e-9)


def test_of_one_dimension_it_is_the_distance_of_sorted_points():
    x, y = normal(300, 1), 2 * normal(300, 1, seed=1)
    exact = (x.sort(0).values - y.sort(0).values).square().mean().sqrt()
    assert wasserstein(x, y) == pytest.approx(exact.item(), abs=1e-9)


def test_a_gap_stands_out_of_its_floor_only_where_there_is_one():
    """N(0, 1) against N(0, 1.2^2) in two dimensions: 0.2 sqrt(2) apart."""
    same = gap(normal(1200, 2), normal(1200, 2, seed=1))
    other = gap(normal(1200, 2), 1.2 * normal(1200, 2, seed=1))
    assert same.count == 600
    assert same.between < 1.25 * same.floor
    assert abs(other.excess - 0.2 * 2**0.5) < 0.05


def test_rmsd_does_not_see_rotations_but_sees_mirrors():
    x = normal(3, 5, 3)
    turned = (x - 2.0) @ so3.exp(normal(3)).mT
    assert squared_rmsds(x, turned).diagonal().max() < 1e-12
    mirrored = x * torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    assert squared_rmsds(x, mirrored).diagonal().min() > 1e-3


def test_rmsd_is_the_least_over_rotations():
    """Against a search of many rotations, which comes close from above."""
    x, y = normal(1, 4, 3), normal(1, 4, 3, seed=1)
    turns = so3.uniform(torch.zeros(40_000, 3, 3, dtype=torch.float64), torch.Generator())
    x, y = (z - z.mean(1, keepdim=True) for z in (x, y))
    searched = (x - y @ turns.mT).square().sum((1, 2)).min() / 4
    found = squared_rmsds(x, y)[0, 0]
    assert found <= searched < found + 0.05


def test_unequal_numbers_are_refused():
    with pytest.raises(UsageError, match="take as many"):
        wasserstein(normal(3, 1), normal(4, 1))
