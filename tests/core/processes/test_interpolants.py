"""The paths of stochastic interpolants, besides what test_processes.py asks of every process."""

import math

import pytest
import torch

from molgen.core import grids
from molgen.core.batch import Batch, DenseRows
from molgen.core.losses import Denoising, fokker_planck
from molgen.core.losses.noise_levels import NoiseRange, noise_times
from molgen.core.manifolds import SO3, Centred
from molgen.core.processes import VE, VP, Linear, Trigonometric
from molgen.core.solvers import SOLVERS, prior
from molgen.errors import UsageError

PATHS = {
    "linear": Linear(),
    "trigonometric": Trigonometric(),
    "linear, latent": Linear(latent=1.0, ratio_max=50.0),
    "trigonometric, latent": Trigonometric(latent=0.4),
}
every_path = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
TIMES = torch.tensor([1e-3, 0.02, 0.1, 0.4, 0.7, 0.99], dtype=torch.float64)


@every_path
def test_rate_and_diffusion_are_slopes_of_signal_and_noise(path):
    """By finite differences: a = d log m / dt and g^2 = m^2 d(s^2/m^2) / dt."""
    h = 1e-6
    low, high = TIMES - h, TIMES + h
    slope = (path.signal(high).log() - path.signal(low).log()) / (2 * h)
    torch.testing.assert_close(path.rate(TIMES), slope, rtol=1e-7, atol=1e-9)
    square = [(path.noise(t) / path.signal(t)).square() for t in (high, low)]
    g2 = path.signal(TIMES).square() * (square[0] - square[1]) / (2 * h)
    torch.testing.assert_close(path.diffusion(TIMES).square(), g2, rtol=1e-6, atol=1e-9)


@every_path
def test_time_of_undoes_the_ratio(path):
    ratio = path.noise(TIMES) / path.signal(TIMES)
    torch.testing.assert_close(path.time_of(ratio), TIMES, rtol=1e-11, atol=0)


@every_path
def test_a_path_ends_at_its_largest_ratio(path):
    one = torch.ones(1, dtype=torch.float64)
    assert (path.noise(one) / path.signal(one)).item() == pytest.approx(path.ratio_max, rel=1e-12)
    for value in (path.diffusion(one), path.rate(one)):
        assert value.isfinite().all()


def test_paths_are_those_of_the_papers():
    """(1 - u) x_0 + u eps, and cos u x_0 + sin u eps; latent noise sqrt(u (1 - u)) on the first."""
    t = TIMES
    u = 100 / 101 * t
    torch.testing.assert_close(Linear().signal(t), 1 - u)
    torch.testing.assert_close(Linear().noise(t), u)
    u = math.atan(100) * t
    torch.testing.assert_close(Trigonometric().signal(t), u.cos())
    torch.testing.assert_close(Trigonometric().noise(t), u.sin())
    path = Linear(latent=1.0)
    u = 1 - path.signal(t)
    torch.testing.assert_close(path.noise(t).square(), u.square() + u * (1 - u))


def test_latent_noise_and_end_noise_make_one_gaussian(generator):
    """Variance and covariance with x_0 of m x_0 + w eps + gamma z, drawn as three parts."""
    n, path = 40_000, Linear(latent=0.7)
    t = torch.full((1,), 0.35, dtype=torch.float64)
    x0, eps, z = torch.randn(3, n, generator=generator, dtype=torch.float64)
    m, w = path.signal(t), path.end_noise(t)
    x_t = m * x0 + w * eps + 0.7 * (m * w).sqrt() * z
    variance = m.square() + path.noise(t).square()
    # Standard error of a variance sqrt(2/n), to five sigma.
    assert abs(x_t.var() / variance - 1) < 5 * math.sqrt(2 / n)


@pytest.mark.parametrize("name", ["Linear Centred", "Trigonometric Symmetric"])
def test_the_exact_density_obeys_the_fokker_planck_equation(name, case_of, generator):
    case = case_of(name, 2)
    batch, t = case.noised(20, generator, low=0.01)
    assert fokker_planck.residual(case.model, batch, t).abs().max() < 1e-8


@pytest.mark.parametrize(
    ("solver", "steps"), [("heun", 40), ("adams", 40), ("ancestral", 300), ("euler_maruyama", 200)]
)
@pytest.mark.parametrize("path", ["linear", "trigonometric, latent"])
def test_solvers_reach_the_data_with_the_exact_score(path, solver, steps, generator):
    """A Gaussian of width 0.3 about 1 in five directions: mean and variance of every solver."""
    path, n, width = PATHS[path], 2000, 0.3

    def score(batch, t):
        m, s = (v[:, None, None] for v in (path.signal(t), path.noise(t)))
        return {"x": -(batch.state["x"] - m) / (m.square() * width**2 + s.square())}

    like = torch.zeros(n, 5, 1, dtype=torch.float64)
    batch = Batch({"x": like}, {"x": DenseRows(n, (5,))})
    with torch.no_grad():
        start = prior({"x": path}, batch, generator)
        end = SOLVERS[solver]({"x": path}, score, start, grids.karras(path, steps), generator)
    x = end.state["x"]
    # Five standard errors of 5 n numbers; what is left of the mean in the prior, 0.01 of the noise,
    # carried to the data; 3 % of the variance for the steps of the solvers of first order.
    assert abs(x.mean() - 1) < 5 * width / math.sqrt(5 * n) + 0.01 * width
    assert abs(x.var() / width**2 - 1) < 5 * math.sqrt(2 / (5 * n)) + 0.03


def test_denoising_does_not_see_the_path(generator):
    """At equal noise / signal paths are one another rescaled: the same loss by VE or linear."""
    n, centred = 64, Centred()
    ends = {"sigma_min": 0.01, "sigma_max": 20.0}
    straight = Linear(manifold=centred, ratio_max=20.0, t_min=0.0105)
    batch = Batch(
        {"x": centred.project(torch.randn(n, 4, 3, dtype=torch.float64), DenseRows(n, (4,)))},
        {"x": DenseRows(n, (4,))},
    )

    class Model:
        """Any function of y = x / m and sigma = s / m, as a score."""

        def __init__(self, process):
            self.process = process

        def score(self, batch, t):
            m = self.process.signal(t)[:, None, None]
            sigma = self.process.noise(t)[:, None, None] / m
            y = batch.state["x"] / m
            return {
                "x": centred.project(-torch.tanh(y) / (1 + sigma.square()) / m, batch.rows["x"])
            }

    values = []
    for process in (VE(manifold=centred, **ends), straight):
        same = torch.Generator().manual_seed(2)
        loss = Denoising(low=0.011, high=19.0)
        values.append(loss(Model(process), {"x": process}, batch, same)[0])
    torch.testing.assert_close(values[0], values[1], rtol=1e-10, atol=0)


def test_times_even_along_the_path_are_not_those_of_even_noise():
    """Half of them lie above noise / signal = 1 where half of the way is noise, all but exactly."""
    path, n = Linear(), 1000
    t = noise_times(path, n, torch.Generator().manual_seed(0), noise=NoiseRange(even="time"))
    above = (path.noise(t) > path.signal(t)).double().mean()
    assert abs(above - 0.495) < 0.002  # (u_max - 1/2) / (u_max - t_min u_max)
    vp = VP()
    t = noise_times(vp, n, torch.Generator().manual_seed(0), noise=NoiseRange())
    assert (vp.noise(t) > vp.signal(t)).double().mean() < 0.45


@pytest.mark.parametrize("kind", [VP, Linear, Trigonometric])
def test_rotations_keep_to_brownian_motion(kind):
    with pytest.raises(UsageError, match="rotations walk by Brownian"):
        kind(manifold=SO3())


@pytest.mark.parametrize("kind", [Linear, Trigonometric])
@pytest.mark.parametrize("options", [{"ratio_max": 0.0}, {"latent": -1.0}, {"t_min": 0.0}])
def test_numbers_out_of_range_are_refused(kind, options):
    with pytest.raises(UsageError):
        kind(**options)
