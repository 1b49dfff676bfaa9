import math

import pytest
import torch

from molgen.core.batch import Batch, DenseRows
from molgen.core.processes import VE
from molgen.core.solvers.ghvb import average_weights, ghvb


def filtered(count, beta, averages):
    """What the averages of a long walk are made of: beta (1 - beta)^k, k from the newest on."""
    newest = beta * (1 - beta) ** torch.arange(count - 1, -1, -1, dtype=torch.float64)
    return torch.stack(
        [torch.cat([newest[lag:], newest.new_zeros(lag)]) for lag in range(averages)]
    )


PUBLISHED = {
    1: lambda b: [1.0],
    2: lambda b: [(2 + b) / (2 * b), -(2 - b) / (2 * b)],
    3: lambda b: [(18 + 5 * b) / (12 * b), -(24 - 8 * b) / (12 * b), (6 - b) / (12 * b)],
}


@pytest.mark.parametrize("beta", [0.3, 0.8, 1.0])
@pytest.mark.parametrize("order", PUBLISHED)
def test_long_walks_of_equal_small_steps_have_the_published_weights(order, beta):
    """Wizadwongsa et al. 2023, eqs. 16-17; steps of 1e-5 in log(s/m), over which s/m is even."""
    h, count = 1e-5, 200
    u = torch.tensor([-h, *(h * k for k in (0, *range(count - 1, -1, -1)))], dtype=torch.float64)
    weights = average_weights(u, filtered(count, beta, order))
    assert weights == pytest.approx(PUBLISHED[order](beta), rel=1e-4)


def test_a_heavy_ball_bears_longer_steps_than_adams_bashforth():
    """dx/ds = k x in equal steps of k ds = 1.1: the second of Adams' methods is stable up to 1."""
    process = VE(sigma_min=0.01, sigma_max=100.0)
    times = process.time_of(torch.linspace(90.0, 30.0, 41, dtype=torch.float64))
    rate = 1.1 * 40 / 60

    def score(batch, t):
        return {"x": -rate * batch.state["x"] / process.noise(t)[:, None, None]}

    def end(beta):
        x = torch.ones(1, 1, 1, dtype=torch.float64)
        batch = Batch({"x": x}, {"x": DenseRows(1, (1,))})
        return ghvb({"x": process}, score, batch, times, beta=beta).state["x"].abs().item()

    assert end(1.0) > 10
    assert end(0.6) < 0.1


def test_the_first_step_is_that_of_the_flow():
    process = VE()
    times = torch.tensor([0.9, 0.5], dtype=torch.float64)
    batch = Batch({"x": torch.ones(1, 1, 1).double()}, {"x": DenseRows(1, (1,))})
    end = ghvb({"x": process}, lambda b, t: {"x": -b.state["x"]}, batch, times).state["x"].item()
    start, stop = process.noise(times).tolist()
    assert math.isclose(end, 1 + (stop - start) * start)
