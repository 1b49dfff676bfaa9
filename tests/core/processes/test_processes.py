import math

import pytest
import torch

from molgen.core.batch import DenseRows
from molgen.core.manifolds import Centred, Euclidean, Symmetric, igso3, so3
from molgen.core.processes import PROCESSES, VE, VP, Brownian, Linear, SubVP, Trigonometric

LINEAR = {
    "VP": VP(),
    "VE": VE(sigma_min=0.05, sigma_max=4.0),
    "SubVP": SubVP(),
    "Linear": Linear(),
    "Trigonometric": Trigonometric(),
}
BROWNIAN = Brownian()
EVERY = {**LINEAR, "Brownian": BROWNIAN}
TIMES = torch.tensor([0.001, 0.01, 0.1, 0.4, 0.8, 1.0], dtype=torch.float64)


def derivative(function, t):
    t = t.clone().requires_grad_()
    (slope,) = torch.autograd.grad((function(t) + 0 * t).sum(), t)
    return slope


def full(graphs: int, t: float) -> torch.Tensor:
    return torch.full((graphs,), t, dtype=torch.float64)


def test_every_process_of_a_recipe_is_tested_here():
    assert set(PROCESSES) == set(EVERY)


@pytest.mark.parametrize("process", LINEAR.values(), ids=LINEAR)
def test_signal_and_noise_solve_the_equations_of_the_moments(process):
    """Of dx = a x dt + g dW: dm/dt = a m and d(s^2)/dt = 2 a s^2 + g^2, exactly."""
    a, g = process.rate(TIMES), process.diffusion(TIMES)
    m, s = process.signal(TIMES), process.noise(TIMES)
    torch.testing.assert_close(derivative(process.signal, TIMES), a * m, rtol=1e-12, atol=1e-14)
    by_time = derivative(lambda t: process.noise(t).square(), TIMES)
    torch.testing.assert_close(by_time, 2 * a * s.square() + g.square(), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("process", EVERY.values(), ids=EVERY)
def test_time_of_undoes_the_noise_to_signal_ratio(process):
    ratio = process.noise(TIMES) / process.signal(TIMES)
    torch.testing.assert_close(process.time_of(ratio), TIMES, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("process", LINEAR.values(), ids=LINEAR)
def test_kernel_is_where_the_forward_sde_goes(process):
    """Euler-Maruyama of dx = f dt + g dW from the kernel at t_min to the kernel at t."""
    n, steps, stop = 20_000, 400, 0.6
    generator = torch.Generator().manual_seed(0)
    rows = DenseRows(n, (1,))
    x0 = torch.tensor([[[1.5, -0.7]]], dtype=torch.float64).expand(n, 1, 2)
    x = process.corrupt(x0, full(n, process.t_min), rows, generator).x_t
    dt = (stop - process.t_min) / steps
    for k in range(steps):
        t = full(n, process.t_min + (k + 0.5) * dt)
        noise = process.manifold.noise(x, rows, generator)
        g = rows.spread(process.diffusion(t), x)
        x = process.manifold.exp(
            x, process.drift(x, t, rows) * dt + g * math.sqrt(dt) * noise, rows
        )
    m, s = process.signal(full(1, stop)), process.noise(full(1, stop))
    mean, var = x.mean((0, 1)), x.var(0).mean(0)
    # Five standard errors of a mean and a variance, and 0.5 % for the time step.
    error = 5 * s.item() / math.sqrt(n)
    assert (mean - m * x0[0, 0]).abs().max() < error + 0.005 * m.item()
    assert (var / s.square() - 1).abs().max() < 5 * math.sqrt(2 / n) + 0.005


def test_igso3_is_where_brownian_motion_on_so3_goes():
    n, steps, stop = 10_000, 200, 0.85
    process = Brownian(sigma_min=0.05)
    generator = torch.Generator().manual_seed(0)
    rows = DenseRows(n, (1,))
    x0 = so3.exp(torch.tensor([0.4, -1.0, 2.0], dtype=torch.float64)).expand(n, 1, 3, 3)
    x = process.corrupt(x0, full(n, 0.0), rows, generator).x_t
    dt = stop / steps
    for k in range(steps):
        g = process.diffusion(full(1, (k + 0.5) * dt)).item()
        noise = process.manifold.noise(x, rows, generator)
        x = process.manifold.exp(x, g * math.sqrt(dt) * noise, rows)
    sigma = process.noise(full(1, stop))
    assert 1 < sigma.item() < 2  # wide enough to feel the curvature
    # E trace(R_0^T R) = 3 exp(-sigma^2) and E R_0^T R = exp(-sigma^2): the first character.
    turned = (x0.mT @ x)[:, 0].mean(0)
    expected = torch.exp(-sigma.square()) * torch.eye(3, dtype=torch.float64)
    assert (turned - expected).abs().max() < 5 * math.sqrt(1 / 3 / n) + 0.005
    angle = so3.log(x0.mT @ x).norm(dim=-1)[:, 0].sort().values
    drawn = process.corrupt(x0, full(n, stop), rows, generator).x_t
    other = so3.log(x0.mT @ drawn).norm(dim=-1)[:, 0].sort().values
    # Two-sample Kolmogorov-Smirnov at p = 1e-4.
    grid = torch.linspace(0, math.pi, 500, dtype=torch.float64)
    gap = (torch.searchsorted(angle, grid) - torch.searchsorted(other, grid)).abs().max() / n
    assert gap < 2.23 * math.sqrt(2 / n)


def test_igso3_draws_have_the_angles_of_the_density():
    n = 20_000
    generator = torch.Generator().manual_seed(0)
    rows = DenseRows(n, (1,))
    x0 = torch.eye(3, dtype=torch.float64).expand(n, 1, 3, 3)
    for t in (0.1, 0.6, 0.9, 1.0):
        x_t = BROWNIAN.corrupt(x0, full(n, t), rows, generator).x_t
        angle = so3.log(x_t).norm(dim=-1)[:, 0].sort().values
        sigma = BROWNIAN.noise(full(1, t)).item()
        grid = torch.linspace(0, min(math.pi, 8 * sigma), 4001, dtype=torch.float64)
        p = igso3.angle_density(grid, torch.full_like(grid, sigma))
        below = torch.cumulative_trapezoid(p, grid)
        found = torch.searchsorted(angle, grid[1:]).double() / n
        # Kolmogorov-Smirnov at p = 1e-4.
        assert (found - below).abs().max() < 2.23 / math.sqrt(n)


@pytest.mark.parametrize("name", [*LINEAR, "Brownian"])
def test_conditional_score_has_the_moments_of_a_score(name):
    """E s = 0; E |s|^2 scale^2 = D; E <s, u> f = -E <u, grad f> for a test function f."""
    process = EVERY[name]
    n = 20_000
    generator = torch.Generator().manual_seed(0)
    rows = DenseRows(n, (2,))
    if name == "Brownian":
        x0 = so3.uniform(torch.empty(1, 2, 3, 3, dtype=torch.float64), generator).expand(n, 2, 3, 3)
    else:
        x0 = torch.randn(1, 2, 3, generator=generator, dtype=torch.float64).expand(n, 2, 3)
    for t in (0.05, 0.5, 0.9):
        time = full(n, t)
        noised = process.corrupt(x0, time, rows, generator)
        unit = rows.spread(noised.scale, noised.score) * noised.score
        assert unit.mean(0).abs().max() < 5 / math.sqrt(n)
        size = process.manifold.inner(unit, unit, rows) / process.manifold.dim(x0, rows)
        assert (size.mean() - 1).abs() < 5 * size.std() / math.sqrt(n) + 1e-5
        # f = sum of sines of the entries: E <s, e> f = -E <e, grad f> for each constant e.
        x = noised.x_t.clone().requires_grad_()
        f = torch.sin(x).flatten(1).sum(1)
        (ambient,) = torch.autograd.grad(f.sum(), x)
        slope = process.manifold.gradient(x.detach(), ambient, rows)
        scale = rows.spread(noised.scale, slope)
        balance = scale * (noised.score * rows.spread(f.detach() - f.mean().item(), slope) + slope)
        assert (balance.mean(0) / balance.std(0)).abs().max() < 5 / math.sqrt(n)


@pytest.mark.parametrize("process", LINEAR.values(), ids=LINEAR)
def test_conditional_score_is_the_gradient_of_the_kernel(process):
    n = 6
    rows = DenseRows(n, (2,))
    x0 = torch.randn(n, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    noised = process.corrupt(x0, TIMES, rows, torch.Generator().manual_seed(1))
    x = noised.x_t.clone().requires_grad_()
    m, s = (rows.spread(value, x) for value in (process.signal(TIMES), process.noise(TIMES)))
    log_q = -0.5 * ((x - m * x0) / s).square().sum()
    (expected,) = torch.autograd.grad(log_q, x)
    torch.testing.assert_close(noised.score, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(noised.scale, process.noise(TIMES))


@pytest.mark.parametrize("manifold", [Euclidean(), Centred(), Symmetric()])
@pytest.mark.parametrize("process", [VP, VE, SubVP, Linear, Trigonometric])
def test_prior_is_the_kernel_at_the_end_of_time(process, manifold):
    """For data of standard deviation data_std, E |x|^2 / D at t = 1."""
    n = 4000
    process = process(manifold=manifold, data_std=2.0)
    rows = DenseRows(n, (4, 4) if isinstance(manifold, Symmetric) else (4,))
    like = torch.zeros(n, *rows.axes, 2, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    x0 = 2.0 * manifold.noise(like, rows, generator)
    end = process.corrupt(x0, full(n, 1.0), rows, generator).x_t
    start = process.prior(like, rows, generator)
    dim = manifold.dim(like, rows)
    found, expected = ((manifold.inner(x, x, rows) / dim).mean() for x in (start, end))
    # Each is a mean of n D squares.
    assert (found / expected - 1).abs() < 5 * 2 / math.sqrt(n * dim[0])


def test_uniform_rotations_are_the_end_of_brownian_motion():
    a = torch.linspace(0, math.pi, 100, dtype=torch.float64)
    density = igso3.log_density(a, torch.full_like(a, BROWNIAN.sigma_max)).exp() * igso3.VOLUME
    assert (density - 1).abs().max() < 1.2e-3  # 9 exp(-9), the first character


def test_prior_of_padded_rotations_is_the_identity_on_padding():
    mask = torch.tensor([[True, False], [True, True]])
    like = torch.zeros(2, 2, 3, 3)
    x = BROWNIAN.prior(like, DenseRows(2, (2,), mask), torch.Generator().manual_seed(0))
    assert torch.equal(x[0, 1], torch.eye(3))
    torch.testing.assert_close(x @ x.mT, torch.eye(3).expand(2, 2, 3, 3))


@pytest.mark.parametrize("process", LINEAR.values(), ids=LINEAR)
def test_base_energy_is_normalised(process):
    x = torch.linspace(-60, 60, 40_001, dtype=torch.float64)
    rows = DenseRows(len(x), (1,))
    for t in (0.05, 0.5, 1.0):
        energy = process.base_energy(x.reshape(-1, 1, 1), full(len(x), t), rows)
        assert abs(torch.trapezoid(torch.exp(-energy), x) - 1) < 1e-9


def test_base_energy_of_rotations_is_the_log_of_their_volume():
    """8 pi^2 each: the ball of radius pi with the measure (2 sin(a/2) / a)^2 of the metric."""
    a = torch.linspace(1e-9, math.pi, 10_001, dtype=torch.float64)
    volume = torch.trapezoid(4 * math.pi * a.square() * (2 * (a / 2).sin() / a).square(), a)
    x = torch.eye(3, dtype=torch.float64).expand(1, 2, 3, 3)
    energy = BROWNIAN.base_energy(x, full(1, 0.3), DenseRows(1, (2,)))
    assert abs(energy.item() - 2 * math.log(volume)) < 1e-6


@pytest.mark.parametrize("name", EVERY)
def test_base_score_is_minus_the_gradient_of_the_base_energy(name):
    process = EVERY[name]
    rows = DenseRows(6, (2,))
    like = torch.zeros(6, 2, 3, 3, dtype=torch.float64)
    x = process.prior(like, rows, torch.Generator().manual_seed(0)).requires_grad_()
    energy = process.base_energy(x, TIMES, rows) + 0 * x.sum()
    (ambient,) = torch.autograd.grad(energy.sum(), x)
    x = x.detach()
    gradient = process.manifold.gradient(x, -ambient, rows)
    torch.testing.assert_close(process.base_score(x, TIMES, rows), gradient)


@pytest.mark.parametrize("process", LINEAR.values(), ids=LINEAR)
def test_scaled_follows_the_drift(process):
    """d/ds scaled(x, t, s) at s = t is f(x, t)."""
    rows = DenseRows(6, (2,))
    x = torch.randn(6, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    h = 1e-6
    ends = [process.scaled(x, TIMES, TIMES + sign * h, rows) for sign in (1, -1)]
    slope = (ends[0] - ends[1]) / (2 * h)
    torch.testing.assert_close(slope, process.drift(x, TIMES, rows), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("process", EVERY.values(), ids=EVERY)
def test_drift_divergence_is_the_trace_of_its_jacobian(process):
    rows = DenseRows(6, (2,))
    like = torch.zeros(6, 2, 3, 3, dtype=torch.float64)
    x = process.prior(like, rows, torch.Generator().manual_seed(0))
    h, trace = 1e-5, torch.zeros(6, dtype=torch.float64)
    for e in process.manifold.frame(x, rows):
        ends = [
            process.drift(process.manifold.exp(x, s * h * e, rows), TIMES, rows) for s in (1, -1)
        ]
        trace = trace + process.manifold.inner(e, (ends[0] - ends[1]) / (2 * h), rows)
    found = process.drift_divergence(x, TIMES, rows)
    torch.testing.assert_close(found, trace, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("process", EVERY.values(), ids=EVERY)
def test_single_precision_keeps_the_smallest_noise(process):
    t = torch.tensor([process.t_min, 1e-5, 1e-3])
    expected = process.noise(t.double())
    torch.testing.assert_close(process.noise(t).double(), expected, rtol=1e-5, atol=0)
