import torch

from molgen.core import jacobian
from molgen.core.batch import Batch, DenseRows
from molgen.core.diagnostics.waves import gradients, values

COUNT = 9


def test_gradients_are_those_of_the_functions(mixture, generator):
    """Central differences along random geodesics, on every manifold."""
    batch, t = mixture.noised(5, generator, low=0.2)
    processes = mixture.processes
    many, found = gradients(processes, batch, t, COUNT)
    which = torch.arange(COUNT).repeat_interleave(5)
    times, h = t.repeat(COUNT), torch.full((5 * COUNT,), 1e-5, dtype=torch.float64)
    v = {
        name: process.manifold.noise(many.state[name], many.rows[name], generator)
        for name, process in processes.items()
    }
    ends = [
        values(processes, jacobian.moved(processes, many, v, sign * h), times, which, COUNT, 0)
        for sign in (1, -1)
    ]
    slope = sum(
        process.manifold.inner(found[name], v[name], many.rows[name])
        for name, process in processes.items()
    )
    # the third derivative times h^2 / 6, and rounding over h
    torch.testing.assert_close(slope, (ends[0] - ends[1]) / 2e-5, rtol=1e-6, atol=1e-7)


def test_functions_differ_and_are_the_same_at_every_call(case_of, generator):
    case = case_of("joint", 2)
    batch, t = case.noised(6, generator)
    which = torch.arange(COUNT).repeat_interleave(6)
    many, times = batch.take(torch.arange(6).repeat(COUNT)), t.repeat(COUNT)
    one, other = (values(case.processes, many, times, which, COUNT, 0) for _ in range(2))
    assert torch.equal(one, other)
    table = one.reshape(COUNT, 6)
    assert torch.linalg.matrix_rank(table - table.mean(1, keepdim=True)) >= 5


def test_padding_and_packing_do_not_change_them(case_of, packed, generator):
    case = case_of("VP Euclidean", 1)
    dense, t = case.noised(3, generator)
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 0, 0]], dtype=torch.bool)
    rows = DenseRows(3, (4,), mask)
    padded = Batch({"x": rows.zero(dense.state["x"])}, {"x": rows})
    which, times = torch.arange(COUNT).repeat_interleave(3), t.repeat(COUNT)
    found = []
    for batch in (padded, packed(padded, {"x": mask})):
        many = batch.take(torch.arange(3).repeat(COUNT))
        found.append(values(case.processes, many, times, which, COUNT, 0))
    torch.testing.assert_close(*found)
