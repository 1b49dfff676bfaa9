import pytest
import torch

from molgen.core import grids, solvers
from molgen.core.batch import Batch, DenseRows
from molgen.core.losses import corrupt
from molgen.core.processes import VE
from molgen.core.solvers.edm import edm
from molgen.core.solvers.ode import heun


@pytest.mark.parametrize("off", [{"churn": 0.0}, {"low": 5.0, "high": 4.0}])
def test_without_churn_it_is_heuns_method(joint, generator, off):
    start = solvers.prior(joint.processes, joint.empty(3), generator)
    times = grids.karras(joint.processes["pos"], 6)
    with torch.no_grad():
        churned = edm(joint.processes, joint.model.score, start, times, generator, **off)
        plain = heun(joint.processes, joint.model.score, start, times)
    for name, x in plain.state.items():
        torch.testing.assert_close(churned.state[name], x, rtol=0, atol=0)


def test_it_evaluates_where_karras_et_al_do():
    """Times of algorithm 2: each raised by gamma, but not above the first, then the end."""
    process = VE(sigma_min=0.01, sigma_max=10.0)
    sigmas = torch.tensor([10.0, 4.0, 1.0, 0.02], dtype=torch.float64)
    seen = []

    def score(batch, t):
        seen.append(process.noise(t[:1]).item())
        return {"x": torch.zeros_like(batch.state["x"])}

    batch = Batch({"x": torch.zeros(1, 1, 1).double()}, {"x": DenseRows(1, (1,))})
    edm({"x": process}, score, batch, process.time_of(sigmas), None, churn=0.6)
    assert seen == pytest.approx([10.0, 4.0, 1.2 * 4.0, 1.0, 1.2])


def test_churn_leaves_the_density_as_it_is(joint, generator):
    """Noised data through many short churned steps; spreads against those of noised data."""
    n, times = 400, torch.linspace(0.5, 0.4, 9, dtype=torch.float64)
    begin, end = (torch.full((n,), t.item(), dtype=torch.float64) for t in (times[0], times[-1]))
    batch, _, _ = corrupt(joint.processes, joint.data(n, generator), begin, generator)
    times = torch.cat([times, times[-1:] - 1e-9])
    with torch.no_grad():
        churned = edm(
            joint.processes, joint.model.score, batch, times, generator, churn=2.0, low=0.0
        )
    fresh, _, _ = corrupt(joint.processes, joint.data(n, generator), end, generator)
    for name, process in joint.processes.items():
        rows, found = batch.rows[name], []
        for one in (churned, fresh):
            mean = process.signal(end[:1]) * joint.model.fields[name].means[0]
            v = process.manifold.log(mean.expand(one.state[name].shape), one.state[name], rows)
            found.append(process.manifold.inner(v, v, rows).mean())
        # Means of 400 squares of 6 directions or more: 5 sqrt(2 * 2 / (400 * 6)).
        assert abs(found[0] / found[1] - 1) < 0.2, name
