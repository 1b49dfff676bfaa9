import pytest
import torch

from molgen.core.batch import Batch, DenseRows
from molgen.core.processes import VE
from molgen.core.solvers.pndm import multistep_weights, pndm


def test_equal_steps_have_the_published_weights():
    """Liu et al. 2022, eq. 12."""
    weights = multistep_weights([0.7, 0.8, 0.9, 1.0], 0.6)
    assert weights == pytest.approx([55 / 24, -59 / 24, 37 / 24, -9 / 24], abs=1e-12)


def test_unequal_steps_take_the_mean_of_a_cubic():
    times, stop = [0.5, 0.65, 0.7, 1.0], 0.42

    def cubic(t):
        return 2 - 3 * t + t**2 - 5 * t**3

    def integral(t):
        return 2 * t - 1.5 * t**2 + t**3 / 3 - 1.25 * t**4

    weights = multistep_weights(times, stop)
    mean = (integral(times[0]) - integral(stop)) / (times[0] - stop)
    assert sum(w * cubic(t) for w, t in zip(weights, times, strict=True)) == pytest.approx(mean)


def test_a_walk_in_four_steps_is_runge_kutta_thrice_and_the_multistep_rule():
    """Under VE of equal s, where a pseudo step is a plain one: dx/ds = eps."""
    process, sigmas = VE(sigma_min=0.1, sigma_max=10.0), [5.0, 4.0, 3.0, 2.0, 1.0]
    times = process.time_of(torch.tensor(sigmas, dtype=torch.float64))

    def slope(x, t):
        return torch.sin(x) * (1 + t)

    def score(batch, t):
        s = process.noise(t)[:, None, None]
        return {"x": -slope(batch.state["x"], t[:, None, None]) / s}

    x = torch.linspace(-1, 2, 5, dtype=torch.float64).reshape(-1, 1, 1)
    end = pndm({"x": process}, score, Batch({"x": x}, {"x": DenseRows(5, (1,))}), times)
    slopes = []
    for k in range(4):
        t, s = times[k], times[k + 1]
        middle = (t + s) / 2
        half = process.noise(middle) - process.noise(t)
        e1 = slope(x, t)
        slopes.insert(0, e1)
        if k < 3:
            e2 = slope(x + half * e1, middle)
            e3 = slope(x + half * e2, middle)
            e4 = slope(x - e3, s)
            x = x - (e1 + 2 * e2 + 2 * e3 + e4) / 6
    weights = multistep_weights(times[:4].flip(0).tolist(), times[4].item())
    x = x - sum(w * e for w, e in zip(weights, slopes, strict=True))
    torch.testing.assert_close(end.state["x"], x, rtol=1e-12, atol=1e-12)
