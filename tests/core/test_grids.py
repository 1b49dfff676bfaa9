import itertools
import math

import pytest
import torch

from molgen.core import grids
from molgen.core.processes import VE, VP, Brownian, Linear, SubVP, Trigonometric

PROCESSES = {
    "VP": VP(),
    "VE": VE(),
    "SubVP": SubVP(),
    "Linear": Linear(),
    "Trigonometric": Trigonometric(latent=0.5),
    "Brownian": Brownian(),
}


def ratio(process, times):
    return process.noise(times) / process.signal(times)


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
@pytest.mark.parametrize("grid", grids.GRIDS.values(), ids=grids.GRIDS)
def test_grids_fall_from_one_to_t_min(grid, process):
    for steps in (1, 2, 30, 1000):
        times = grid(process, steps)
        assert times.dtype == torch.float64
        assert len(times) == steps + 1
        assert times[0] == 1
        assert times[-1] == process.t_min
        assert (times.diff() < 0).all()


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_karras_without_a_knee_is_even_in_the_root_of_the_ratio(process):
    root = ratio(process, grids.karras(process, 40, rho=7.0, knee=math.inf)) ** (1 / 7)
    steps = root.diff()
    torch.testing.assert_close(steps, steps.mean().expand(40), rtol=1e-8, atol=0)


def heun_variance_error(process, times, variance):
    """Relative error of the variance that Heun's rule in sigma gives a centred Gaussian."""
    sigma = ratio(process, times).tolist()
    factor = 1.0
    for a, b in itertools.pairwise(sigma):
        first = a / (variance + a * a)
        second = b / (variance + b * b) * (1 + (b - a) * first)
        factor *= 1 + (b - a) * (first + second) / 2
    return factor**2 * (variance + sigma[0] ** 2) / (variance + sigma[-1] ** 2) - 1


@pytest.mark.parametrize("variance", [1.0, 0.3, 0.01, 1e-3])
def test_the_knee_halves_the_truncation_error_of_vp(variance):
    """VP's ratio goes up to 150; without a knee most steps are spent where nothing happens."""
    process = VP()
    plain = heun_variance_error(process, grids.karras(process, 20, knee=math.inf), variance)
    knee = heun_variance_error(process, grids.karras(process, 20), variance)
    assert abs(knee) < 0.75 * abs(plain)
    assert abs(knee) < 0.09


def test_the_knee_moves_with_the_scale_of_the_data():
    small = VE(sigma_min=3e-4, sigma_max=1.0, data_std=0.1)
    large = VE(sigma_min=3e-3, sigma_max=10.0, data_std=1.0)
    torch.testing.assert_close(
        10 * ratio(small, grids.karras(small, 30)), ratio(large, grids.karras(large, 30))
    )


@pytest.mark.parametrize(
    "process", [VP(), VE(sigma_max=30.0), Linear()], ids=["VP", "VE", "Linear"]
)
def test_a_window_has_its_share_of_the_steps_evenly(process):
    log = ratio(process, grids.window(process, 100, low=0.3, high=1.5, share=0.6)).log()
    inside = log[(log <= math.log(1.5) + 1e-9) & (log >= math.log(0.3) - 1e-9)]
    assert abs(len(inside) - 61) <= 1
    width = math.log(1.5 / 0.3) / 60
    torch.testing.assert_close(-inside.diff(), inside.diff().new_full((len(inside) - 1,), width))


def test_a_window_beyond_the_process_is_cut():
    process = VP()
    start = float(process.time_of(torch.tensor(0.8, dtype=torch.float64)))
    times = grids.window(process, 30, low=0.35, high=1.2, share=0.5, start=start)
    assert ratio(process, times)[15] == pytest.approx(0.35)  # nothing is above
    beyond = grids.window(process, 30, low=2.0, high=3.0, start=start)
    assert (beyond.diff() < 0).all()
