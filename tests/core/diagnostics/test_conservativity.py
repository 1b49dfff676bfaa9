import math

import pytest
import torch

from molgen.core.diagnostics.conservativity import asymmetry, conservativity
from molgen.core.diagnostics.subject import Effort

RATE = 0.3


def test_an_exact_score_is_symmetric(mixture, generator):
    """On every manifold; 1e-16 of rounding, squared."""
    batch, t = mixture.noised(8, generator, low=0.05)
    skew, whole, score = asymmetry(mixture.model, mixture.processes, batch, t, generator)
    assert (skew < 1e-20 * whole).all()
    assert (score > 0).all()


def test_a_turning_part_is_recovered(case_of, score_only, turning, generator):
    """A of |A v| = rate |v|: E|S A S eps|^2 = rate^2 s^4 D, to 2.5 % at 400 points of D = 8."""
    case = case_of("VP Euclidean", 1)
    batch, t = case.noised(400, generator)
    t = torch.full_like(t, 0.4)
    model = score_only(case.model, turning(RATE))
    skew, whole, _ = asymmetry(model, case.processes, batch, t, generator)
    exact, expected, _ = asymmetry(case.model, case.processes, batch, t, generator)
    s = case.processes["x"].noise(t[:1]).item()
    assert math.isclose(skew.mean().item(), RATE**2 * s**4 * 8, rel_tol=0.1)
    assert exact.mean() < 1e-20
    # the antisymmetric part adds to the square of the symmetric one
    assert math.isclose((whole - expected).mean().item(), skew.mean().item(), rel_tol=0.5)


def test_the_verdict_tells_a_gradient_from_what_turns(
    case_of, subject_of, score_only, turning, generator, quiet
):
    case = case_of("VP Euclidean", 1)
    effort = Effort(levels=3, points=50, draws=0, drawn=0)
    exact = score_only(case.model)
    found = conservativity(subject_of(case, 50, exact), effort, generator, quiet)
    assert found.mood == "good"
    assert found.numbers[0].value < 1e-6
    subject = subject_of(case, 50, score_only(case.model, turning(RATE)))
    found = conservativity(subject, effort, generator, quiet)
    assert found.mood == "poor"
    # x = 1.5 or so of standard deviation 1: at t = 1, s = 1, A x is 0.3 of the score
    assert found.numbers[0].value == pytest.approx(RATE, rel=0.3)
    assert found.numbers[1].value < found.numbers[0].value * 2
