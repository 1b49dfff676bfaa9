import math

import pytest
import torch

from molgen.core import grids, solvers
from molgen.core.batch import Batch, DenseRows
from molgen.core.manifolds import Symmetric
from molgen.core.processes import VE, VP
from molgen.core.solvers import SOLVERS
from molgen.core.solvers.teleport import Moments, teleport, teleport_time, teleporting
from molgen.errors import UsageError

PEAKS = torch.tensor([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]], dtype=torch.float64)
WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)


def exact_moments(case, name):
    """Of a Gaussian case, all entries of a graph together."""
    field = case.model.fields[name]
    mean, rows = field.means[0], DenseRows(1, case.axes[name])
    frame = torch.stack(
        [e[0].flatten() for e in case.processes[name].manifold.frame(field.means[:1], rows)]
    )
    noise = frame.T @ frame  # sum_k e_k e_k^T: white noise of the space
    share = case.processes[name].manifold.inner(mean[None], mean[None], rows) / mean.square().sum()
    spread = field.variance.expand(mean.shape).flatten().sqrt()
    return Moments(mean.flatten(), share * spread[:, None] * noise * spread, True)


@pytest.mark.parametrize("name", ["VP Euclidean", "VE Centred", "SubVP Symmetric"])
def test_it_is_exact_on_gaussian_data_from_any_start(name, case_of, generator):
    """Against the flow in many steps, from five draws of the prior."""
    case = case_of(name, 1)
    process = case.processes["x"]
    start = solvers.prior(case.processes, case.empty(5), generator)
    stop = process.time_of(torch.tensor(0.4, dtype=torch.float64)).item()
    times = grids.karras(process, 120)
    times = torch.cat([times[times > stop + 1e-9], torch.tensor([stop], dtype=torch.float64)])
    with torch.no_grad():
        flow = SOLVERS["dpm3"](case.processes, case.model.score, start, times, None)
    moved = teleport(case.processes, start, 1.0, stop, {"x": exact_moments(case, "x")})
    # dpm3's error, of third order: 1.5e-6 in a hundred steps.
    torch.testing.assert_close(moved.state["x"], flow.state["x"], atol=2e-5, rtol=1e-5)


def test_a_solver_that_teleports_to_the_end_makes_no_error_at_all(case_of, generator):
    """One step of order one after a teleport to just before the end: spreads as those of data."""
    case = case_of("VP Euclidean", 1)
    process, field = case.processes["x"], case.model.fields["x"]
    start = solvers.prior(case.processes, case.empty(5), generator)
    near = process.t_min * (1 + 1e-6)
    times = torch.tensor([1.0, near, process.t_min], dtype=torch.float64)
    solve = teleporting(SOLVERS["heun"], {"x": exact_moments(case, "x")})
    end = solve(case.processes, case.model.score, start, times, None).state["x"]
    ends = torch.tensor([1.0, process.t_min], dtype=torch.float64)
    m, s = process.signal(ends), process.noise(ends)
    v = [(m[k].square() * field.variance + s[k].square()).sqrt() for k in (0, 1)]
    standard = (start.state["x"] - m[0] * field.means) / v[0]
    torch.testing.assert_close(end, m[1] * field.means + v[1] * standard, atol=1e-6, rtol=0)


def test_without_moments_data_are_isotropic_and_rotations_stay(joint, generator):
    start = solvers.prior(joint.processes, joint.empty(3), generator)
    moved = teleport(joint.processes, start, 1.0, 0.6)
    assert torch.equal(moved.state["rot"], start.state["rot"])
    process = joint.processes["adj"]
    t, s = torch.tensor([1.0, 0.6], dtype=torch.float64)

    def spread(time):
        return math.hypot(process.signal(time) * process.data_std, process.noise(time))

    expected = start.state["adj"] * spread(s) / spread(t)
    torch.testing.assert_close(moved.state["adj"], expected)


def three_peaks(process):
    """A score, and the moments of its data."""

    def score(batch, t):
        m, s = (part[:, None, None, None] for part in (process.signal(t), process.noise(t)))
        v = (0.3 * m).square() + s.square()
        away = m * PEAKS - batch.state["x"][:, :, None]
        log_p = WEIGHTS.log() - 0.5 * (away.square() / v).sum(-1)
        return {"x": (log_p.softmax(-1)[..., None] * away / v).sum(-2)}

    mean = WEIGHTS @ PEAKS
    off = PEAKS - mean
    covariance = (off.T * WEIGHTS) @ off + 0.3**2 * torch.eye(2, dtype=torch.float64)
    return score, Moments(mean, covariance, False)


@pytest.mark.parametrize(("solver", "steps"), [("heun", 4), ("dpm2", 4), ("dpm++", 8), ("dpm3", 3)])
@pytest.mark.parametrize("make", [VE, VP])
def test_the_same_evaluations_go_further_on_a_mixture(make, solver, steps):
    """Ends of 200 draws against the flow in many steps: at least a third nearer."""
    limits = {"t_min": 1e-3} if make is VP else {"sigma_min": 0.01, "sigma_max": 40.0}
    process = make(data_std=1.387, **limits)
    score, moments = three_peaks(process)
    x = torch.randn(200, 1, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    start = Batch({"x": process.prior_std() * x}, {"x": DenseRows(200, (1,))})

    def end(solve, times):
        return solve({"x": process}, score, start, times, None).state["x"]

    exact = end(SOLVERS["dpm3"], grids.karras(process, 200))
    plain = end(SOLVERS[solver], grids.karras(process, steps))
    rest = grids.karras(process, steps, start=teleport_time(process, 3.0))
    led = end(teleporting(SOLVERS[solver], {"x": moments}), torch.cat([torch.ones(1), rest]))
    errors = [(one - exact).square().mean().sqrt() for one in (led, plain)]
    assert errors[0] < 0.67 * errors[1]


def test_moments_of_rows_know_nothing_of_padding_mirrors_or_diagonals():
    """Edges of graphs of two to five nodes, two channels: mean and covariance of one edge."""
    generator = torch.Generator().manual_seed(0)
    sizes = torch.arange(400) % 4 + 2
    nodes = torch.arange(5) < sizes[:, None]
    rows = DenseRows(400, (5, 5), nodes[:, :, None] & nodes[:, None])
    process = VP(manifold=Symmetric())
    mix = torch.tensor([[0.5, 0.2], [0.0, 0.3]], dtype=torch.float64)
    like = torch.zeros(400, 5, 5, 2, dtype=torch.float64)
    off = process.manifold.project(torch.ones_like(like), rows)
    mean = torch.tensor([0.3, -1.0], dtype=torch.float64)
    x = process.manifold.noise(like, rows, generator) @ mix + off * mean
    found = Moments.of(process, x, rows)
    edges = (sizes * (sizes - 1)).sum().item() / 2
    # Means scatter by 0.5 / sqrt(edges), variances by sqrt(2 / edges) of 0.3.
    torch.testing.assert_close(found.mean, mean, atol=5 * 0.5 / edges**0.5, rtol=0)
    torch.testing.assert_close(found.covariance, mix.T @ mix, atol=0.02, rtol=0)
    t = torch.full((400,), 0.5, dtype=torch.float64)
    moved = found.carry(process, x, t, 0.6 * t, rows)
    assert (moved[off == 0] == 0).all()
    torch.testing.assert_close(moved, moved.transpose(1, 2))


@pytest.mark.parametrize("name", ["VP Euclidean", "VE Centred", "SubVP Symmetric"])
def test_moments_of_whole_graphs_are_those_of_the_data(name, case_of, generator):
    case = case_of(name, 1)
    data = case.data(4000, generator)
    found = Moments.of(case.processes["x"], data.state["x"], data.rows["x"], whole=True)
    exact = exact_moments(case, "x")
    # Variances of 0.3 and 4000 draws: 5 sqrt(2 / 4000) 0.3.
    torch.testing.assert_close(found.covariance, exact.covariance, atol=0.04, rtol=0)
    torch.testing.assert_close(found.mean, exact.mean, atol=0.05, rtol=0)


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match=r"from 0\.003 to 10 times"):
        teleport_time(VE(), 11.0)
    mask = torch.tensor([[True, True], [True, False]])
    rows = DenseRows(2, (2,), mask)
    with pytest.raises(UsageError, match="of one size"):
        Moments.of(VP(), torch.zeros(2, 2, 3), rows, whole=True)
