import pytest
import torch

from molgen.core.diagnostics.score_equation import score_equation, squared_residual
from molgen.core.diagnostics.subject import Effort

EFFORT = Effort(levels=3, points=20, draws=0, drawn=0)


@pytest.mark.parametrize("name", ["VP Euclidean", "VE Symmetric", "SubVP Centred"])
def test_a_gaussian_leaves_nothing(name, case_of, generator):
    """Its divergence is the same everywhere, so that no probe leaves noise in the gradient."""
    case = case_of(name, 1)
    batch, t = case.noised(10, generator, low=0.1)
    squares, scale = squared_residual(case.model, case.processes, batch, t, generator)
    assert (squares.abs() < 1e-14 * scale).all()


@pytest.mark.parametrize("name", ["VP Euclidean", "VP Centred", "Brownian SO3", "joint"])
def test_an_exact_score_leaves_nothing_on_average(name, case_of, generator):
    """Unbiased: zero within four standard errors, though each probe leaves noise."""
    case = case_of(name, 2)
    batch, t = case.noised(120, generator, low=0.2)
    squares, scale = squared_residual(case.model, case.processes, batch, t, generator)
    relative = squares / scale
    assert abs(relative.mean()) < 4 * relative.std() / 120**0.5 + 1e-12


def test_a_score_that_does_not_change_in_time_is_seen(gaussian_data, generator):
    """s = -k x under VE: R = -k^2 g^2 x, so s^2 |R|^2 = k^4 g^4 s^2 |x|^2."""
    k = 0.8
    data = gaussian_data([1.0, 1.0, 1.0])

    class Frozen:
        processes = data.processes

        def score(self, batch, t):
            return {"x": -k * batch.state["x"] + 0 * t[:, None, None]}

    batch = data.data(20)
    t = torch.full((20,), 0.6, dtype=torch.float64)
    squares, scale = squared_residual(Frozen(), data.processes, batch, t, generator)
    g2, s2 = (f(t).square() for f in (data.process.diffusion, data.process.noise))
    expected = k**4 * g2.square() * s2 * batch.state["x"].square().sum((1, 2))
    torch.testing.assert_close(squares, expected)
    torch.testing.assert_close(scale, 3 * (g2 / s2).square())


def test_the_verdict_tells_them_apart(gaussian_data, score_only, generator, quiet):
    data = gaussian_data([1.0, 0.5])
    moods = []
    for change in (lambda s, b, t: s, lambda s, b, t: s * (1 + 2 * t[:, None, None])):
        subject = data.subject(score_only(data, change), count=20)
        moods.append(score_equation(subject, EFFORT, generator, quiet).mood)
    assert moods == ["good", "poor"]


def test_log_q_has_an_equation_of_its_own(case_of, subject_of, generator, quiet):
    found = score_equation(subject_of(case_of("VP Euclidean", 1), 5), EFFORT, generator, quiet)
    assert "log q" in found.verdict
    assert not found.numbers
