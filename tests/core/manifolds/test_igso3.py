import math

import pytest
import torch
from torch import Tensor

from molgen.core.manifolds import igso3
from molgen.core.manifolds.igso3 import AngleTable

SIGMAS = [0.02, 0.1, 0.3, 0.7, 0.999, 1.001, 1.5, 3.0]


@pytest.fixture(scope="module")
def table() -> AngleTable:
    return AngleTable.build(3.0)


def series(angle: Tensor, sigma: float) -> Tensor:
    """The definition, with enough terms for the narrowest kernel used here."""
    order = torch.arange(math.ceil(10 / sigma) + 5, dtype=torch.float64)
    weight = (2 * order + 1) * torch.exp(-0.5 * order * (order + 1) * sigma**2)
    terms = weight * torch.sin((order + 0.5) * angle[:, None])
    return terms.sum(1) / torch.sin(angle / 2) / igso3.VOLUME


def angles(count: int = 200) -> Tensor:
    return torch.linspace(1e-3, math.pi, count, dtype=torch.float64)


def like(angle: Tensor, sigma: float) -> Tensor:
    return torch.full_like(angle, sigma)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_density_is_the_series_over_characters(sigma):
    a = angles()
    expected = series(a, sigma)
    # Narrow kernels cancel in the series: its rounding is 1e-16 of its largest value, times terms.
    atol = 1e-12 * expected.max().item()
    density = igso3.log_density(a, like(a, sigma)).exp()
    torch.testing.assert_close(density, expected, atol=atol, rtol=1e-12)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_density_integrates_to_one(sigma):
    a = torch.linspace(0, min(math.pi, 10 * sigma), 20_001, dtype=torch.float64)
    total = torch.trapezoid(igso3.angle_density(a, like(a, sigma)), a)
    assert abs(total - 1) < 1e-7  # trapezoids of width < 2e-4


def test_narrow_kernel_is_maxwell_with_mean_square_angle_three_sigma_squared():
    sigma = 0.01
    a = torch.linspace(0, 0.1, 20_001, dtype=torch.float64)
    p = igso3.angle_density(a, like(a, sigma))
    maxwell = math.sqrt(2 / math.pi) * a.square() / sigma**3 * torch.exp(-0.5 * (a / sigma) ** 2)
    # The first correction, from curvature, is sigma^2/8 - a^2/24.
    assert (p - maxwell).abs().max() < 1e-4 * maxwell.max()
    mean_square = torch.trapezoid(p * a.square(), a)
    assert abs(mean_square / (3 * sigma**2) - 1) < sigma**2


def test_wide_kernel_is_uniform():
    a = angles()
    expected = (1 - a.cos()) / math.pi
    torch.testing.assert_close(igso3.angle_density(a, like(a, 6.0)), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_score_is_the_derivative_of_the_log_density(sigma):
    a = angles().requires_grad_()
    (expected,) = torch.autograd.grad(igso3.log_density(a, like(a, sigma)).sum(), a)
    found = (igso3.score_factor(a.square(), like(a, sigma)) * a).detach()
    # Near pi narrow scores fall from pi/sigma^2 to 0; rounding is relative to the former.
    torch.testing.assert_close(found, expected, atol=1e-11 / min(sigma, 1) ** 2, rtol=1e-10)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_score_at_the_centre_is_zero_with_a_finite_slope(sigma):
    v = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    s = igso3.score(v, torch.full((1,), sigma, dtype=torch.float64))
    assert torch.equal(s, torch.zeros_like(s))
    (slope,) = torch.autograd.grad(s[0, 0], v)
    factor = igso3.score_factor(torch.full((1,), 1e-8).double(), torch.full((1,), sigma).double())
    torch.testing.assert_close(slope[0, 0], factor[0], rtol=1e-6, atol=0)


def test_angles_match_the_quantiles_of_the_kernel(table):
    radius = torch.tensor([0.03, 0.3, 1.0, 1.8, 2.6, 3.9], dtype=torch.float64)
    chi = torch.special.gammainc(torch.full_like(radius, 1.5), radius.square() / 2)
    for sigma in (0.013, 0.11, 0.457, 0.83, 1.27, 2.91):
        stop = table.angle(radius, like(radius, sigma))
        a = stop[:, None] * torch.linspace(0, 1, 4001, dtype=torch.float64)
        below = torch.trapezoid(igso3.angle_density(a, like(a, sigma)), a)
        # The stated relative error of the angle, 1e-5, times a p(a) < 2.
        torch.testing.assert_close(below, chi, atol=2e-5, rtol=1e-4)


def test_table_is_as_accurate_as_it_says(table):
    generator = torch.Generator().manual_seed(0)
    radius = 0.02 + 3.98 * torch.rand(300, generator=generator, dtype=torch.float64)
    sigma = 0.005 + 2.99 * torch.rand(300, generator=generator, dtype=torch.float64)
    exact = igso3._transport(radius, sigma).diagonal()
    torch.testing.assert_close(table.angle(radius, sigma), exact, rtol=1e-5, atol=0)
    std = (igso3._mean_square_score(sigma) / 3).sqrt()
    torch.testing.assert_close(table.score_std(sigma), std, rtol=1e-6, atol=0)


def test_narrow_draws_are_the_flat_ones(table):
    radius = torch.linspace(0.01, 7, 50, dtype=torch.float64)
    angle = table.angle(radius, like(radius, 0.003))
    # Curvature enters at relative order sigma^2 r^2 / 24.
    torch.testing.assert_close(angle, 0.003 * radius, rtol=3e-5, atol=0)


def test_score_of_the_kernel_heats_a_density_by_the_heat_equation():
    """d f / d sigma = sigma lap f, lap f = f'' + cot(a/2) f', the radial Laplacian of SO(3)."""
    a = torch.linspace(0.2, 3.0, 30, dtype=torch.float64).requires_grad_()
    for sigma in (0.4, 0.9, 1.1, 2.0):
        s = like(a, sigma).detach().requires_grad_()
        f = igso3.log_density(a, s).exp()
        by_angle, by_sigma = torch.autograd.grad(f.sum(), (a, s), create_graph=True)
        (second,) = torch.autograd.grad(by_angle.sum(), a)
        laplacian = second + by_angle / torch.tan(a / 2)
        # Rounding of second derivatives of terms as large as f / sigma^4.
        scale = (f / s**4).detach().max().item()
        torch.testing.assert_close(by_sigma / s, laplacian, atol=1e-11 * scale, rtol=0)
