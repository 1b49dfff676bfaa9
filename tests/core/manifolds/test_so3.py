import math

import pytest
import torch
from torch import Tensor

from molgen.core.manifolds import so3


def vectors(angle: float, count: int = 50) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return angle * v / v.norm(dim=1, keepdim=True)


ANGLES = [0.0, 1e-12, 1e-6, 0.0999, 0.1001, 0.499, 0.501, 1.0, 2.5, math.pi - 1e-6, math.pi - 1e-9]


@pytest.mark.parametrize("angle", ANGLES)
def test_exp_is_the_matrix_exponential_of_hat(angle):
    v = vectors(angle)
    # Rounding of a handful of operations on numbers up to 10.
    torch.testing.assert_close(so3.exp(v), torch.matrix_exp(so3.hat(v)), atol=2e-14, rtol=0)


@pytest.mark.parametrize("angle", ANGLES)
def test_log_undoes_exp_near_zero_and_near_pi(angle):
    v = vectors(angle)
    torch.testing.assert_close(so3.log(so3.exp(v)), v, atol=1e-14, rtol=1e-14)


def test_log_of_half_a_turn_is_one_of_the_two_vectors():
    for v in (*vectors(math.pi, 10), math.pi * torch.eye(3, dtype=torch.float64)[0]):
        found = so3.log(so3.exp(v))
        # sign(v) cannot be known; sqrt(eps) because the quaternion's w = cos(pi/2) is rounded.
        assert min((found - v).norm(), (found + v).norm()) < 1e-8
        torch.testing.assert_close(so3.exp(found), so3.exp(v), atol=1e-14, rtol=0)


@pytest.mark.parametrize("angle", [0.0, 1e-5, 0.5, 3.0])
def test_exp_and_log_have_the_derivatives_of_finite_differences(angle):
    v = vectors(angle, 3).requires_grad_()
    assert torch.autograd.gradcheck(so3.exp, v)
    assert torch.autograd.gradgradcheck(lambda v: so3.log(so3.exp(v)), v)


def test_hat_is_the_cross_product_and_vee_its_adjoint():
    u, v = vectors(1.3, 4), vectors(0.7, 8)[4:]
    turned = (so3.hat(u) @ v[..., None])[..., 0]
    torch.testing.assert_close(turned, torch.linalg.cross(u, v))
    torch.testing.assert_close(so3.vee(so3.hat(u)), 2 * u)


def test_uniform_rotations_have_haar_moments():
    n = 40_000
    like = torch.empty(n, 3, 3, dtype=torch.float64)
    r = so3.uniform(like, torch.Generator().manual_seed(1))
    eye = torch.eye(3, dtype=torch.float64).expand(n, 3, 3)
    torch.testing.assert_close(r @ r.mT, eye, atol=1e-14, rtol=0)
    torch.testing.assert_close(torch.linalg.det(r), torch.ones(n, dtype=torch.float64))
    # E R = 0 and E R_ij^2 = 1/3 with standard errors sqrt(1/3 n) and sqrt(4/45 n); five of each.
    assert r.mean(0).abs().max() < 5 * math.sqrt(1 / 3 / n)
    assert (r.square().mean(0) - 1 / 3).abs().max() < 5 * math.sqrt(4 / 45 / n)
    # The mean angle is pi/2 + 2/pi, its variance pi^2/12 - 4/pi^2 + 2 - 2 < 1.
    angle = so3.log(r).norm(dim=1)
    assert abs(angle.mean() - (math.pi / 2 + 2 / math.pi)) < 5 / math.sqrt(n)


def test_single_precision_stays_accurate_near_the_identity_and_half_a_turn():
    for angle in (1e-4, 0.5, 3.1415):
        v = vectors(angle).float()
        # float32 rounding of the matrix, 6e-8, times a few operations.
        torch.testing.assert_close(so3.log(so3.exp(v)), v, atol=2e-6, rtol=2e-6)
