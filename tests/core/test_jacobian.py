import pytest
import torch

from molgen.core import jacobian
from molgen.core.manifolds import SO3


def inner(case, batch, u, v):
    return sum(
        process.manifold.inner(u[name], v[name], batch.rows[name])
        for name, process in case.processes.items()
    )


def tangent(case, batch, generator):
    return {
        name: process.manifold.noise(batch.state[name], batch.rows[name], generator)
        for name, process in case.processes.items()
    }


class Tilted:
    """A score that is no gradient: the exact one, each field's coordinates rolled and scaled."""

    def __init__(self, exact):
        self.exact, self.processes = exact, exact.processes

    def score(self, batch, t):
        return {
            name: self.processes[name].manifold.project(
                s.roll(1, -1) * (1 + s.sin()), batch.rows[name]
            )
            for name, s in self.exact.score(batch, t).items()
        }


@pytest.fixture
def points(mixture, generator):
    batch, t = mixture.noised(6, generator, low=0.1)
    u, v = (tangent(mixture, batch, generator) for _ in range(2))
    return mixture, batch, t, u, v


def test_a_gradient_has_a_symmetric_jacobian(points):
    """Also on SO(3), whose frame does not commute: the bracket is what makes it so."""
    case, batch, t, u, v = points
    score, Jv = jacobian.times(case.model, case.processes, batch, t, v)
    _, Ju = jacobian.times(case.model, case.processes, batch, t, u)
    torch.testing.assert_close(inner(case, batch, u, Jv), inner(case, batch, v, Ju))
    expected = case.model.score(batch, t)
    for name, s in score.items():
        torch.testing.assert_close(s, expected[name])


def test_it_is_the_hessian_of_log_q(points):
    """<v, J v> against the second difference of log q along the geodesic."""
    case, batch, t, _, v = points
    h = torch.full_like(t, 1e-4)
    log_q = [
        -case.model.energy(jacobian.moved(case.processes, batch, v, sign * h), t)
        for sign in (-1, 0, 1)
    ]
    second = (log_q[0] - 2 * log_q[1] + log_q[2]) / h**2
    _, Jv = jacobian.times(case.model, case.processes, batch, t, v)
    # rounding leaves 1e-16 / h^2 = 1e-8 of log q, the truncation h^2 of a fourth derivative
    torch.testing.assert_close(inner(case, batch, v, Jv), second, rtol=1e-4, atol=1e-4)


def test_transposed_is_the_adjoint_of_any_field(points):
    case, batch, t, u, v = points
    model = Tilted(case.model)
    _, Jv = jacobian.times(model, case.processes, batch, t, v)
    JTu = jacobian.transposed_times(model, case.processes, batch, t, u)
    torch.testing.assert_close(inner(case, batch, u, Jv), inner(case, batch, JTu, v))
    JTv = jacobian.transposed_times(model, case.processes, batch, t, v)
    apart = inner(case, batch, u, Jv) - inner(case, batch, u, JTv)
    assert apart.abs().max() > 1e-2  # it is no gradient


def test_divergence_is_the_trace_over_a_frame(points, generator):
    case, batch, t, _, _ = points
    model = Tilted(case.model)
    found = jacobian.divergences(model, case.processes, batch, t)
    for name, process in case.processes.items():
        zeros = {n: torch.zeros_like(v) for n, v in tangent(case, batch, generator).items()}
        trace = torch.zeros_like(t)
        for e in process.manifold.frame(batch.state[name], batch.rows[name]):
            _, Je = jacobian.times(model, case.processes, batch, t, {**zeros, name: e})
            trace = trace + process.manifold.inner(e, Je[name], batch.rows[name])
        torch.testing.assert_close(found[name], trace)


def test_bracket_of_rotations_is_that_of_their_moves():
    """exp(x, hu) then hv, against hv then hu: apart by h^2 [u, v] (Trotter)."""
    generator = torch.Generator().manual_seed(0)
    u, v = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    space, h = SO3(), 1e-3
    x = torch.eye(3, dtype=torch.float64).expand(5, 3, 3)
    one = space.exp(space.exp(x, h * u, None), h * v, None)
    other = space.exp(space.exp(x, h * v, None), h * u, None)
    # the next order is h^3
    torch.testing.assert_close(
        space.log(other, one, None) / h**2, space.bracket(u, v), atol=2e-2, rtol=0
    )
