"""Learned signed volumes: odd under reflection, blind to where and how a molecule lies."""

import pytest
import torch

from molgen.core.manifolds.so3 import uniform
from molgen.md.models.handedness import Handedness


@pytest.fixture
def volumes(generator):
    made = Handedness(7, 5).double()
    with torch.no_grad():
        made.arrows.copy_(torch.randn(15, 7, generator=generator))
    return made


@pytest.fixture
def y(generator):
    return torch.randn(4, 7, 3, generator=generator, dtype=torch.float64)


def test_the_mirror_image_has_the_opposite_sign_and_no_motion_changes_anything(
    volumes, y, generator
):
    found = volumes(y)
    assert found.abs().min() > 1e-3
    torch.testing.assert_close(volumes(y * torch.tensor([1.0, 1.0, -1.0])), -found)
    turn = uniform(torch.empty(4, 3, 3, dtype=torch.float64), generator)
    torch.testing.assert_close(volumes(y @ turn.mT + 2.5), found)


def test_small_volumes_are_triple_products_and_large_ones_level_off(volumes, y):
    arrows = volumes.arrows @ (0.05 * (y - y.mean(1, keepdim=True)))
    a, b, c = arrows[:, :5], arrows[:, 5:10], arrows[:, 10:]
    exact = torch.linalg.det(torch.stack([a, b, c], dim=-1))
    torch.testing.assert_close(volumes(0.05 * y), exact, rtol=1e-4, atol=1e-9)
    assert volumes(100 * y).abs().max() < 5.0


def test_atoms_that_are_absent_are_not_seen(volumes, y, generator):
    there = torch.tensor([[1, 0, 1, 1, 0, 1, 1]], dtype=torch.float64).expand(4, -1)
    kept = there[0].nonzero()[:, 0]
    noise = torch.randn(y.shape, generator=generator, dtype=torch.float64)
    found = volumes(y, there)
    torch.testing.assert_close(volumes(y + noise * (1 - there)[..., None], there), found)
    torch.testing.assert_close(
        volumes.restricted(kept).double()(y[:, kept]), found, atol=1e-6, rtol=0
    )
