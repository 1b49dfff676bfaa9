import math

import torch

from molgen.core.batch import Batch, DenseRows
from molgen.core.processes import VP
from molgen.core.solvers.dpm_plus_plus import dpm_plus_plus, dpm_plus_plus_sde
from molgen.core.solvers.sde import ancestral

TIMES = torch.tensor([0.8, 0.6, 0.3], dtype=torch.float64)


def bent(batch, t):
    return {"x": -torch.sin(batch.state["x"]) / (0.3 + t[:, None, None])}


def line(x):
    return Batch({"x": x.reshape(-1, 1, 1)}, {"x": DenseRows(len(x), (1,))})


def test_two_steps_are_those_of_the_published_algorithm():
    """Lu et al. 2022b, algorithm 2 with alpha, sigma and lambda; the first step is of order 1."""
    process = VP()
    x = torch.linspace(-2, 2, 7, dtype=torch.float64)
    alpha, sigma = process.signal(TIMES).tolist(), process.noise(TIMES).tolist()
    lam = [math.log(a / s) for a, s in zip(alpha, sigma, strict=True)]

    def denoised(x, k):
        return (x - sigma[k] * sigma[k] * torch.sin(x) / (0.3 + TIMES[k])) / alpha[k]

    h = [lam[1] - lam[0], lam[2] - lam[1]]
    d0 = denoised(x, 0)
    y = sigma[1] / sigma[0] * x - alpha[1] * math.expm1(-h[0]) * d0
    r = h[0] / h[1]
    d = (1 + 1 / (2 * r)) * denoised(y, 1) - 1 / (2 * r) * d0
    expected = sigma[2] / sigma[1] * y - alpha[2] * math.expm1(-h[1]) * d
    end = dpm_plus_plus({"x": process}, bent, line(x), TIMES).state["x"][:, 0, 0]
    torch.testing.assert_close(end, expected, rtol=1e-12, atol=1e-12)


def test_its_first_step_with_noise_is_the_ancestral_one():
    processes, start = {"x": VP()}, line(torch.linspace(-2, 2, 7, dtype=torch.float64))
    first, second = (
        solver(processes, bent, start, TIMES[:2], torch.Generator().manual_seed(3))
        for solver in (dpm_plus_plus_sde, ancestral)
    )
    torch.testing.assert_close(first.state["x"], second.state["x"])


def test_the_noise_of_a_step_is_that_of_the_reverse_sde():
    """Lu et al. 2022b, appendix: sigma_s sqrt(1 - e^(-2h)), about a mean that chance leaves."""
    process, n = VP(), 40_000
    start = line(torch.full((n,), 0.7, dtype=torch.float64))
    times = torch.cat([TIMES[:2], TIMES[1:2] - 1e-12])  # the last step adds none
    generator = torch.Generator().manual_seed(0)
    x = dpm_plus_plus_sde({"x": process}, bent, start, times, generator).state["x"]
    alpha, sigma = process.signal(TIMES), process.noise(TIMES)
    h = torch.log(alpha[1] * sigma[0] / (sigma[1] * alpha[0]))
    expected = sigma[1] * torch.sqrt(-torch.expm1(-2 * h))
    # A standard deviation of n draws scatters by 1 / sqrt(2 n), 0.35 %.
    assert abs(x.std() / expected - 1) < 5 * 0.0035
