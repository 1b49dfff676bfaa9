import pytest
import torch

from molgen.core import grids, solvers
from molgen.core.batch import Batch, DenseRows
from molgen.core.losses import corrupt
from molgen.core.processes import VP, Brownian
from molgen.core.solvers import SOLVERS
from molgen.core.solvers.sde import langevin_correction
from molgen.errors import MolgenError
from tests.core.solvers.moments import BIAS, STEPS, check_moments, line, sample

CASES = ("VP Euclidean", "VE Centred", "SubVP Symmetric", "Trigonometric Symmetric", "joint")
"""Every process and every manifold; rotations are in the last."""


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_recovers_a_gaussian_on_every_manifold(solver, name, case_of, generator):
    """Mean (not zero), variances (not equal where they can differ) and covariances."""
    case = case_of(name, 1)
    batch = sample(case, solver, STEPS[solver], 400 if name == "joint" else 1000, generator)
    check_moments(case, batch, bias=BIAS[solver])


def test_corrections_mend_a_coarse_predictor(case_of):
    """Ten even steps leave a variance 80 % too large; twenty corrections each, a tenth of that."""
    case = case_of("VE Euclidean", 1)
    process, field = case.processes["x"], case.model.fields["x"]
    times = grids.uniform(process, 10)[:-1]  # stop at some noise: the last step is never corrected
    end = torch.cat([times, times[-1:] - 1e-6])
    s = process.noise(times[-1])

    def error(corrections):
        generator = torch.Generator().manual_seed(0)
        batch = solvers.prior(case.processes, case.empty(2000), generator)
        with torch.no_grad():
            x = solvers.predictor_corrector(
                case.processes, case.model.score, batch, end, generator, corrections=corrections
            ).state["x"]
        return (x.var(0).mean(0) / (field.variance + s.square()) - 1).abs().max().item()

    assert error(20) < 0.2 * error(0)


def test_langevin_corrections_leave_the_density_as_it_is(joint, generator):
    """Many at one time; Langevin's bias is h / 4v < 2 % of the variance where h = 2 (0.16 s)^2."""
    n = 1000
    t = torch.full((n,), 0.3, dtype=torch.float64)
    batch, _, _ = corrupt(joint.processes, joint.data(n, generator), t, generator)

    def squares(batch):
        found = {}
        for name, process in joint.processes.items():
            x, rows = batch.state[name], batch.rows[name]
            mean = process.signal(t[:1]) * joint.model.fields[name].means[0]
            v = process.manifold.log(mean.expand(x.shape), x, rows)
            found[name] = process.manifold.inner(v, v, rows).mean()
        return found

    before = squares(batch)
    for _ in range(60):
        scores = joint.model.score(batch, t)
        batch = langevin_correction(joint.processes, scores, batch, t, 0.16, generator)
    after = squares(batch)
    for name in before:
        # Means of 1000 squares of 6 directions: 5 sqrt(2 * 2 / (1000 * 6)), before and after.
        assert abs(after[name] / before[name] - 1) < 0.13 + 0.02, name


def test_reverse_walk_on_so3_returns_to_the_data_rotation(case_of, generator):
    case = case_of("Brownian SO3", 1)
    process = case.processes["rot"]
    object.__setattr__(case.model.fields["rot"], "width", 0.0)
    for solver in SOLVERS:
        batch = sample(case, solver, STEPS[solver], 30, generator)
        v = process.manifold.log(
            case.model.fields["rot"].means.expand(30, -1, -1, -1),
            batch.state["rot"],
            batch.rows["rot"],
        )
        # What is left is the noise at t_min, 0.05 rad about each axis, of 180 to 5 %: 3 sigma.
        assert v.square().mean().sqrt() < 0.05 * 1.16
        assert v.norm(dim=-1).max() < 0.05 * 6


def test_joint_batch_reproduces_the_exact_moments_in_few_evaluations(joint, generator):
    """Centred VP positions, symmetric VP edges and Brownian rotations through one solver."""
    batch = sample(joint, "adams", 30, 4000, generator)
    check_moments(joint, batch, bias=0.003)


@pytest.mark.parametrize("solver", ["heun", "adams"])
def test_batch_of_many_equals_one_by_one(solver, mixture, generator):
    start = solvers.prior(mixture.processes, mixture.empty(3), generator)
    times = grids.karras(next(iter(mixture.processes.values())), 8)

    def solve(batch):
        with torch.no_grad():
            return SOLVERS[solver](mixture.processes, mixture.model.score, batch, times, None)

    many = solve(start)
    for k in range(3):
        one = solve(start.take(torch.tensor([k])))
        for name, x in one.state.items():
            torch.testing.assert_close(x[0], many.state[name][k], rtol=1e-9, atol=1e-10)


def tied(batch, t):
    """A score under which the rows of a graph pull on one another; rotations turn to a mean."""
    scores = {}
    for name, x in batch.state.items():
        rows = batch.rows[name]
        if name == "rot":
            pull = rows.back(rows.total(x), x)
            v = torch.stack(
                [
                    (x.mT @ pull)[..., i, j] - (x.mT @ pull)[..., j, i]
                    for i, j in ((2, 1), (0, 2), (1, 0))
                ],
                -1,
            )
            scores[name] = rows.zero(0.1 * v)
        else:
            scores[name] = rows.zero(0.1 * rows.back(rows.total(x), x) - x) * rows.spread(t, x)
    return scores


@pytest.mark.parametrize("solver", ["heun", "adams"])
def test_padding_never_changes_a_result_and_packed_equals_dense(solver, packed, generator):
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]], dtype=torch.bool)
    processes = {"pos": VP(), "rot": Brownian()}
    rows = DenseRows(3, (4,), mask)
    like = {"pos": torch.zeros(3, 4, 2).double(), "rot": torch.zeros(3, 4, 3, 3).double()}
    dense = solvers.prior(processes, Batch(like, {"pos": rows, "rot": rows}), generator)
    times = grids.karras(processes["pos"], 8)

    def solve(batch):
        return SOLVERS[solver](processes, tied, batch, times, None)

    padded = solve(dense)
    ragged = solve(packed(dense, {"pos": mask, "rot": mask}))
    for name in like:
        torch.testing.assert_close(ragged.state[name], padded.state[name][mask])
    assert (padded.state["pos"][~mask] == 0).all()
    for k in range(3):  # without any padding
        n = int(mask[k].sum())
        alone = Batch(
            {name: x[k : k + 1, :n] for name, x in dense.state.items()},
            {name: DenseRows(1, (n,)) for name in like},
        )
        for name, x in solve(alone).state.items():
            torch.testing.assert_close(x[0], padded.state[name][k, :n])


@pytest.mark.parametrize("solver", SOLVERS)
def test_same_seed_same_samples(solver, joint):
    first, second = (
        sample(joint, solver, 5, 4, torch.Generator().manual_seed(7)) for _ in range(2)
    )
    for name, x in first.state.items():
        assert torch.equal(x, second.state[name])


def test_a_score_that_is_not_finite_stops_the_run_with_step_time_and_field():
    def score(batch, t):
        return {"x": batch.state["x"] * (float("nan") if t[0] < 0.5 else 1.0)}

    times = torch.tensor([1.0, 0.7, 0.4, 0.1], dtype=torch.float64)
    with pytest.raises(MolgenError, match=r"step 2, t = 0\.4.*field 'x'"):
        SOLVERS["euler_maruyama"]({"x": VP()}, score, line(torch.ones(2).double()), times, None)


def test_times_that_do_not_fall_are_refused():
    with pytest.raises(MolgenError, match="must decrease"):
        SOLVERS["heun"]({"x": VP()}, tied, line(torch.ones(2)), torch.ones(3), None)


def test_single_precision_samples_follow_double(joint, generator):
    """Same start, one flow in float32 and one in float64: rounding grows to 1e-4, not more."""
    start = solvers.prior(joint.processes, joint.empty(20), generator)
    single = start.replace(**{name: x.float() for name, x in start.state.items()})
    times = grids.karras(joint.processes["pos"], 30)

    def score(batch, t):
        exact = joint.model.score(
            batch.replace(**{name: x.double() for name, x in batch.state.items()}), t.double()
        )
        return {name: s.to(t.dtype) for name, s in exact.items()}

    with torch.no_grad():
        double = SOLVERS["adams"](joint.processes, score, start, times)
        rounded = SOLVERS["adams"](joint.processes, score, single, times)
    for name, x in double.state.items():
        assert rounded.state[name].dtype == torch.float32
        torch.testing.assert_close(rounded.state[name].double(), x, atol=1e-4, rtol=0)


@pytest.mark.gpu
@pytest.mark.parametrize("solver", ["heun", "adams"])
def test_samples_on_a_gpu_equal_those_on_the_cpu(solver, joint, generator):
    start = solvers.prior(joint.processes, joint.empty(20), generator)
    times = grids.karras(joint.processes["pos"], 20)
    with torch.no_grad():
        cpu = SOLVERS[solver](joint.processes, tied, start, times, None)
        gpu = SOLVERS[solver](joint.processes, tied, start.to("cuda"), times, None)
    for name, x in cpu.state.items():
        torch.testing.assert_close(gpu.state[name].cpu(), x, atol=1e-8, rtol=1e-8)
